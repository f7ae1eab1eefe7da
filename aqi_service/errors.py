"""Every error this program raises on purpose, as one tree.

    AqiError
     +-- ConfigError              waiting cannot mend it: exit code 2
     |    +-- AccessDenied        AWS refused the credentials or the action
     |    +-- MissingResource     no such bucket or table, or it has the wrong form
     |    |    +-- NoTableYet     nothing was ever stored: the first load makes the table
     |    +-- MissingIndex        the table cannot be asked by sensor
     |    +-- TableRefused        the table refuses every item, or most, in the same words
     |    +-- RequestRefused      the service does not know a request, or takes it for wrong
     |    +-- PortInUse           a socket that was asked for cannot be opened
     +-- Unavailable              an outside service does not answer: exit code 1
     |    +-- NotReady            credentials that are not there yet, or a clock that is not set
     |    +-- NoAnswer            a request that cannot be answered now; its text is for the reader
     |    +-- LeaseLost           the lease is another's, or ran out
     |    +-- LeaseHeld           another holds the lease, and did not give it back in time (carries `holder`)
     +-- ItemRefused              the table will never take this item
     +-- ItemOutdated             the table holds a newer one
     +-- SnapshotFailed           the snapshot could not be fetched, or archived, whole
     |    +-- FetchFailed         the source answered with an error, or not at all (carries `retry_after`)
     |    |    +-- InGlacier      an object has to be restored before it can be read
     |    +-- ExportFailed        the place of --export did not take the snapshot's records
     |    +-- CutShort            the bytes end before the document does
     |    +-- ArchiveFailed       the bucket or the disk did not take it
     |         +-- NameInUse      another load has the snapshot's name: start again from the source
     +-- SnapshotRejected         it arrived, and is no snapshot, or too large for one
     +-- NotFound                 what was asked for by name is not there
     +-- BadRequest               a request that cannot be read, or is past a limit
     +-- Busy                     a request that others have taken the means of
     +-- FrameError               a malformed frame header, or one past the limit
     |    +-- FrameCut            the peer closed inside a frame
     |    +-- FrameTimeout        a frame, or a peer's reading, took too long
     |    +-- HandshakeFailed     TLS could not begin
     +-- ClientError              what the client library raises
          +-- BadId               an id that can be no record's
          +-- ServerGone          no connection, time-out, or a broken reply
          +-- Refused             the server answered `Bad request`, `Unavailable` or `Busy`

The text of each is one sentence for a person: what is wrong, and what to do where something can be done.
This module imports nothing.
"""


class AqiError(Exception):
    """Root of the tree; never raised itself."""


class ConfigError(AqiError):
    """Something only a person can change: command line, configuration, permission, a missing resource."""


class AccessDenied(ConfigError):
    """AWS refused: no credentials, wrong ones, or an action that the policy does not allow."""


CREATE_MAKES_IT = "--create makes it, "
OR_A_NEW_ONE = ", or one that is not there yet, with --create"
"""The advice to use --create in a MissingResource's text; it is left out if the flag was given."""

LOCAL_DOES_WITHOUT = "; --local DIR does without AWS"
OR_LOCALLY = ", or use --local DIR"
"""The advice to use --local in an error about credentials; with that flag, credentials are for `s3://`
sources."""


class MissingResource(ConfigError):
    """The bucket or table does not exist, or has a form that the program cannot use."""


class NoTableYet(MissingResource):
    """A local table in which nothing was stored yet: the first load makes it."""


class MissingIndex(ConfigError):
    """The table has no index by sensor, or one of another form; lookups by id go on."""


class TableRefused(ConfigError):
    """The table refuses every item, or most, in the same words: so the table is at fault."""

    def __init__(self, words: str, stored: int = 0, refused: int = 0) -> None:
        """`stored` is how many items it still took, `refused` how many it refused."""
        which = f"{refused} of {refused + stored} items are" if stored else "every item is"
        super().__init__(f"{which} refused in the same words: {words}")


class RequestRefused(ConfigError):
    """The service does not know a request (501, 405), or says that it is wrong (400), now and later."""


class PortInUse(ConfigError):
    """A listening socket that was asked for cannot be opened."""


class Unavailable(AqiError):
    """An outside service does not answer, or answers that it cannot now; trying later may help."""


class NotReady(Unavailable):
    """The machine cannot ask AWS yet: it lacks credentials, or a clock that is right."""


class NoAnswer(Unavailable):
    """A request that cannot be answered now; unlike others' text, this one is for the reader."""


class LeaseLost(Unavailable):
    """The lease that the work relies on is another's, or ran out; no further request may be sent."""


class LeaseHeld(Unavailable):
    """Another process holds the lease, and did not give it back within the wait; `holder` is its name."""

    def __init__(self, message: str, holder: str) -> None:
        super().__init__(message)
        self.holder = holder


class ItemRefused(AqiError):
    """The table calls a request invalid: one of its items will never be taken."""


class ItemOutdated(AqiError):
    """A conditional write found a newer item in its place."""


class SnapshotFailed(AqiError):
    """The snapshot could not be fetched, or archived, whole; nothing of it is in the archive."""


class FetchFailed(SnapshotFailed):
    """The source cannot be read: no connection, an HTTP status, no such file.

    `retry_after` is how many seconds the source asks to be left alone, or None; `for_good` tells that waiting
    cannot mend it.
    """

    def __init__(self, message: str, retry_after: float | None = None, *, for_good: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.for_good = for_good


class InGlacier(FetchFailed):
    """An object lies in cold storage: a person has to restore it before it can be read."""

    def __init__(self, message: str) -> None:
        super().__init__(message, for_good=True)


class CutShort(SnapshotFailed):
    """The bytes end before the document does: a transfer, a gzip stream or the JSON array is not closed."""


class ExportFailed(SnapshotFailed):
    """The place of `--export` takes no more records: a full disk, or a reader that went away."""


class ClockOff(SnapshotFailed):
    """The clock, or a snapshot's name, says an impossible time: nothing is loaded."""


class ArchiveFailed(SnapshotFailed):
    """The archive did not take the snapshot."""


class NameInUse(ArchiveFailed):
    """Another load has the snapshot's name, or is taking it: start again from the source."""


class SnapshotRejected(AqiError):
    """The bytes that arrived are no snapshot: empty, not a JSON array, too large, or followed by other bytes.

    `offset` is the byte at which that was found, counted from the start of the decoded document.
    """

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


class NotFound(AqiError):
    """The named thing does not exist; the text is for the reader."""


class BadRequest(AqiError):
    """A request that cannot be read, or asks for too much; its text is for the reader."""


class Busy(AqiError):
    """A request that cannot be answered now, since others ask for so much; its text is for the reader."""


class FrameError(AqiError):
    """A frame header that breaks the protocol, or announces more than the limit."""


class FrameCut(FrameError):
    """The peer closed the connection inside a frame."""


class FrameTimeout(FrameError):
    """A frame did not arrive, or was not taken, within its deadline."""


class HandshakeFailed(FrameError):
    """TLS could not begin: no TLS at all, no certificate that is accepted, or no end in time."""


class ClientError(AqiError):
    """Root of what the client raises."""


class BadId(ClientError):
    """A text that is not 1 to 20 decimal digits and so can be no record's id."""


class BadQuestion(ClientError):
    """A question that cannot be sent, such as one with a bad time; nothing was sent."""


class ServerGone(ClientError):
    """No connection, a time-out, or a reply that breaks the protocol."""


class Refused(ClientError):
    """The server answered `Bad request`, `Unavailable` or `Busy`; the text is the server's own."""
