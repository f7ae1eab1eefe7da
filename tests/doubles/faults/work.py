"""What becomes of a request: AWS's checks, the emulator's work, and the effect that settles the answer.

One rule: `applied` in a record is set where the emulator has done the work, and nowhere else.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import singledispatchmethod
from typing import Any

from tests.doubles.faults import batches
from tests.doubles.faults.answers import Answer, Refused, as_json, error
from tests.doubles.faults.aws_rules import (
    canonical,
    index_keys,
    keys_of,
    keys_of_table,
    understood,
    write_units,
)
from tests.doubles.faults.calls import tables_of
from tests.doubles.faults.checksums import payload
from tests.doubles.faults.effects import BATCHES, COMPLETE, Cut, Drop, Hollow, Leave, Refuse, Throttle
from tests.doubles.faults.journal import Record
from tests.doubles.faults.s3_rules import Aws, Uploads
from tests.doubles.faults.upstream import Request, Upstream

CHANGES_TABLES = frozenset({"CreateTable", "DeleteTable", "UpdateTable"})
OVER_CAPACITY = "ProvisionedThroughputExceededException"
XML = {"Content-Type": "application/xml"}


@dataclass(frozen=True, slots=True)
class Job:
    """A request on its way: `body` is the JSON of a DynamoDB request, None of an S3 one."""

    asked: Request
    record: Record
    body: Mapping[str, Any] | None = None

    @property
    def operation(self) -> str:
        return self.record.call.operation

    def error(self, code: str, message: str = "", status: int | None = None) -> Answer:
        """Return an error as the service writes it."""
        return error(self.record.call.service, code, message, status)


class Work:
    """Does requests at the emulator as AWS would."""

    def __init__(self, upstream: Upstream, aws: Aws, now: Callable[[], datetime]) -> None:
        self._upstream = upstream
        self._aws = aws
        self._now = now
        self._uploads = Uploads(aws)
        self._keys: dict[str, tuple[str, ...]] = {}
        self._indexes: dict[str, tuple[tuple[str, str, str], ...]] = {}

    async def do(self, job: Job, effect: object) -> Answer:
        """Check and do a request, under the effect that settles it (None: as AWS would)."""
        await self._note_keys(job)
        try:
            return await self.settle(effect, job)
        except Refused as refused:
            return job.error(refused.code, refused.message)

    @singledispatchmethod
    async def settle(self, effect: object, job: Job) -> Answer:
        """Return the answer under an effect."""
        del effect
        return await self._apply(job, stream=job.operation == "GetObject")

    @settle.register
    async def _refuse(self, effect: Refuse, job: Job) -> Answer:
        if effect.applied:
            await self._apply(job)
        answer = job.error(effect.code, status=effect.status)
        await self._end_upload(job, answer.status)
        return answer

    @settle.register
    async def _drop(self, effect: Drop, job: Job) -> Answer:
        if effect.applied:
            await self._apply(job)
        return Answer(gone=effect.how)

    @settle.register
    async def _cut(self, effect: Cut, job: Job) -> Answer:
        return replace(await self._apply(job), cut=effect.after)

    @settle.register
    async def _hollow(self, effect: Hollow, job: Job) -> Answer:
        if effect.applied:
            await self._apply(job)
        return job.error(effect.code, status=200) if effect.code else Answer(200, XML)

    @settle.register
    async def _leave(self, effect: Leave, job: Job) -> Answer:
        body = self._understood(job)
        return await self._half(job, body, batches.by_share(body, effect.share))

    @settle.register
    async def _throttle(self, effect: Throttle, job: Job) -> Answer:
        body = self._understood(job)
        if job.operation not in BATCHES:
            fits = effect.bucket.take(write_units(body))
            return await self._apply(job) if fits else job.error(OVER_CAPACITY)
        halves = batches.by_units(body, effect.bucket)
        return await self._half(job, body, halves) if halves.kept else job.error(OVER_CAPACITY)

    async def _half(self, job: Job, body: dict[str, Any], halves: batches.Halves) -> Answer:
        """Do the half of a batch that is kept, and answer with the other as unprocessed."""
        if not halves.kept:
            done = batches.nothing_done(job.operation, halves)
        else:
            answer = await self._apply(replace(job, body={**body, "RequestItems": halves.kept}))
            if answer.status != 200:
                return answer
            done = batches.with_left(job.operation, json.loads(bytes_of(answer)), halves)
        job.record.left = halves.left_count
        content, headers = as_json(done)
        return Answer(200, headers, content)

    async def _apply(self, job: Job, *, stream: bool = False) -> Answer:
        if job.body is not None:
            return await self._apply_item(job)
        return await self._apply_object(job, stream=stream)

    async def _apply_item(self, job: Job) -> Answer:
        body = self._understood(job)
        unchanged = body == json.loads(job.asked.body)
        content = job.asked.body if unchanged else as_json(body)[0]
        answer = await self._upstream.send(replace(job.asked, body=content))
        job.record.applied = answer.status == 200
        if job.operation in CHANGES_TABLES:
            self._keys.clear()
        with suppress(Refused):  # an item that was stored past the shim is shown as it is
            content, headers = as_json(canonical(json.loads(bytes_of(answer))))
            return replace(answer, headers={**answer.headers, **headers}, body=content)
        return answer

    async def _apply_object(self, job: Job, *, stream: bool) -> Answer:
        call, asked = job.record.call, job.asked
        sent = payload(asked.headers, asked.body)
        job.record.sums, job.record.trailing = frozenset(sent.sums), sent.trailing
        self._uploads.check(call, sent)
        answer = await self._upstream.send(asked, stream=stream)
        job.record.applied = answer.status < 300
        if job.record.applied and not stream:
            self._uploads.saw(call, asked.headers, sent, bytes_of(answer), self._now())
        if call.operation == "ListMultipartUploads":
            return replace(answer, body=self._uploads.with_times(bytes_of(answer)))
        await self._end_upload(job, answer.status)
        return answer

    async def _end_upload(self, job: Job, status: int) -> None:
        """Take an upload away whose Complete ended in a way after which AWS has it no more."""
        if job.operation == COMPLETE and status in self._aws.ends_upload:
            self._uploads.forget(job.record.call.upload_id)
            await self._upstream.send(replace(job.asked, method="DELETE", body=b""))

    def _understood(self, job: Job) -> dict[str, Any]:
        return understood(job.operation, job.body or {}, self._keys, self._indexes)

    async def _note_keys(self, job: Job) -> None:
        """Learn the keys of the request's tables, and note which it is about."""
        if job.body is None or job.operation in CHANGES_TABLES:
            return
        for table in tables_of(job.body):
            if not self._keys.get(table):
                described = await self._upstream.ask_table(table, job.asked.headers)
                self._keys[table], self._indexes[table] = keys_of_table(described), index_keys(described)
        found = keys_of(job.body, self._keys)
        job.record.keys = frozenset((table, json.dumps(key, sort_keys=True)) for table, key in found)


def bytes_of(answer: Answer) -> bytes:
    """Return the body of an answer that was read whole."""
    if not isinstance(answer.body, bytes):
        raise TypeError("the body is still coming")
    return answer.body
