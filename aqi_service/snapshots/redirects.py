"""Where a request goes: through which proxy, to which address, and where a redirect leads.

One rule: the connection goes to the very address that was judged; no name is resolved a second time.
"""

import socket
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from aqi_service.core.addresses import is_internal
from aqi_service.errors import FetchFailed

MAX_HOPS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def public_url(url: str) -> str:
    """Return the URL without user, password, query and fragment, for logs, metadata and reports."""
    try:
        return str(URL(url).with_user(None).with_query(None).with_fragment(None))
    except ValueError:
        return "the URL"


class _InternalAddressError(Exception):
    """A name has an address that is not public."""


class VettingResolver(AbstractResolver):
    """Finds addresses of names as `inner` does, and while `vets` is true refuses names with internal ones.

    `internal` collects the names that had one.
    """

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner
        self.vets = False
        self.internal: set[str] = set()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of `host`; it is allowed to connect to each of them."""
        found = await self._inner.resolve(host, port, family)
        if any(is_internal(each["host"]) for each in found):
            self.internal.add(host)
            if self.vets:
                raise _InternalAddressError
        return found

    async def close(self) -> None:
        """Close the inner resolver."""
        await self._inner.close()


class Requests:
    """Sends one download's requests; `session` must use `resolver`, and must not cache addresses."""

    def __init__(self, session: aiohttp.ClientSession, resolver: VettingResolver, configured: URL) -> None:
        self._session = session
        self._resolver = resolver
        self._configured = configured
        self._shown = public_url(str(configured))

    async def get(self) -> aiohttp.ClientResponse:
        """GET, following at most MAX_HOPS redirects, only to addresses that are allowed."""
        url = self._configured
        response = await self._ask(url, vets=False)
        for _ in range(MAX_HOPS):
            if response.status not in _REDIRECTS:
                return response
            response.release()
            url = self._target(url, response.headers.get("Location", ""))
            response = await self._ask(url, vets=not self._is_configured(url))
        if response.status not in _REDIRECTS:
            return response
        raise FetchFailed(f"{self._shown} redirects more than {MAX_HOPS} times")

    def _target(self, url: URL, location: str) -> URL:
        target = url.join(URL(location))
        if target.scheme != url.scheme:
            raise FetchFailed(f"{self._shown} redirects to another scheme, {target.scheme[:20]!r}; refused")
        return target

    def _is_configured(self, url: URL) -> bool:
        """Tell whether the operator named this internal host; a public one must not turn internal later."""
        host = self._configured.raw_host or ""
        return url.raw_host == host and (is_internal(host) or host in self._resolver.internal)

    async def _ask(self, url: URL, *, vets: bool) -> aiohttp.ClientResponse:
        """Send one request; if it `vets`, only to public addresses, through whatever proxy."""
        proxy = proxy_for(url)
        self._resolver.vets = vets and proxy is None
        if vets and is_internal(url.raw_host or ""):
            raise self._refused()
        try:
            return await self._session.get(url, proxy=proxy, allow_redirects=False)
        except _InternalAddressError:
            raise self._refused() from None
        except aiohttp.ClientHttpProxyError as error:
            raise FetchFailed(f"{self._shown}: {_named(proxy)} answers {error.status}") from error
        except aiohttp.ClientProxyConnectionError as error:
            why = error.os_error.strerror or type(error.os_error).__name__
            raise FetchFailed(f"{self._shown}: {_named(proxy)} does not answer: {why}") from error

    def _refused(self) -> FetchFailed:
        return FetchFailed(f"{self._shown} redirects to an internal address; refused")


def _named(proxy: URL | None) -> str:
    return f"the proxy {public_url(str(proxy))}, which the environment names,"


def proxy_for(url: URL) -> URL | None:
    """Return the proxy that the environment names for a URL, found as AWS's SDK does; None for no proxy.

    HTTPS_PROXY or HTTP_PROXY by the URL's scheme, else ALL_PROXY, unless NO_PROXY has the host; names in
    small letters count too. Raises FetchFailed if it is no HTTP proxy.
    """
    proxies = getproxies()
    named = proxies.get(url.scheme) or proxies.get("all")
    host = url.raw_host or ""
    written = f"[{host}]" if ":" in host else host  # which NO_PROXY has as well for an address of IPv6
    if not named or any(proxy_bypass(each) for each in (host, written, f"{written}:{url.port}")):
        return None
    try:
        proxy = URL(named if "://" in named else f"http://{named.removeprefix('//')}")
    except ValueError:
        proxy = URL()
    if proxy.scheme not in ("http", "https") or not proxy.raw_host:
        what = f"the {url.scheme.upper()}_PROXY or ALL_PROXY of the environment is no http:// proxy"
        raise FetchFailed(f"{public_url(str(url))} cannot be asked: {what}", for_good=True)
    return proxy
