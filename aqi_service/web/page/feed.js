// @ts-check
/** All sensors at once, as the service has them; asked again with their ETag, which costs nothing if it holds. */

/** How often they are asked for while the page is seen. */
export const EVERY_MS = 5 * 60_000;

let ahead = 0;
/** The service's clock, epoch milliseconds. An answer that is kept (304) has the age of when it was made: ages are reckoned from times. */
export const serviceNow = () => Date.now() + ahead;

/** How long an answer may take. */
const PATIENCE_MS = 60_000;

/**
 * `newest` is the newest record's timestamp, UTC.
 * @typedef {{count: number, newest: string|null, snapshot_time: string, scale: string, etag: string,
 *   columns: Columns, asked: string|null}} Sensors `asked` is the scale that was asked for
 */
/**
 * @typedef {(number|null)[]} Numbers
 * @typedef {(string|null)[]} Texts
 * @typedef {{sensor_id: string[], sensor_type: Texts, indoor: (boolean|null)[], latitude: Numbers, longitude: Numbers,
 *   country: Texts, id: string[], timestamp: Texts, 'P2.5': Numbers, P10: Numbers, AQI: Numbers, AQI_range: Texts,
 *   AQI_pollutant: Texts, flags: string[], humidity: Numbers}} Columns
 */

/** What the service says instead of an answer, in its own words. */
export class Refused extends Error { status = 0; }

/** @param {number} status @param {string} detail */
const refused = (status, detail) => Object.assign(new Refused(detail), { status });

/**
 * Ask the API for something below /api/v1; throws Refused, or TypeError if the service cannot be reached.
 * @param {string} path @param {AbortSignal} [signal] @returns {Promise<any>}
 */
export const ask = async (path, signal) => (await asked(path, signal)).json();

/** The same with its headers. @param {string} path @param {AbortSignal} [signal] */
export async function asked(path, signal) {
  const patience = AbortSignal.timeout(PATIENCE_MS), signals = signal ? AbortSignal.any([signal, patience]) : patience;
  const reply = await fetch(`/api/v1/${path}`, { cache: 'no-cache', signal: signals });
  ahead = (Date.parse(reply.headers.get('Date') ?? '') || Date.now()) - Date.now();
  if (reply.ok) return reply;
  const said = await reply.json().catch(() => ({}));
  throw refused(reply.status, typeof said.detail === 'string' ? said.detail : `status ${reply.status}`);
}

/** Fetch what is no answer of the API. @param {string} path */
export async function file(path) {
  const reply = await fetch(path, { cache: 'no-cache', signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!reply.ok) throw refused(reply.status, `status ${reply.status} of ${path}`);
  return reply;
}

/** Why a question had no answer, in words. @param {unknown} error */
export const saying = (error) => (error instanceof Refused ? `the service says: ${error.message}` : 'the service cannot be reached');

/**
 * Return all sensors on a scale (the service's own without one); null if the ETag that is known still holds.
 * @param {string|null} scale @param {string|undefined} etag @param {AbortSignal} signal
 * @returns {Promise<Sensors|null>}
 */
export async function latest(scale, etag, signal) {
  const reply = await asked(`latest.columns.json${scale ? `?scale=${encodeURIComponent(scale)}` : ''}`, signal);
  const tag = reply.headers.get('ETag') ?? '';
  if (etag && tag === etag) {
    await reply.body?.cancel();
    return null;
  }
  return { ...(await reply.json()), etag: tag, asked: scale };
}
