// @ts-check
/** The panel alone, for other people's pages: `/embed#sensor=4740` and `/embed#area=48.78,9.18,3`. */
import { parse } from './address.js';
import { showArea } from './area.js';
import { ask, EVERY_MS, Refused } from './feed.js';
import { showSensor } from './sensor.js';
import { banners, showBanners, tick } from './state.js';

const RETRY_MS = 15_000;
/** @param {string} id @returns {any} */
const the = (id) => document.getElementById(id);
let stop = new AbortController(), due = 0;

async function show() {
  stop.abort();
  stop = new AbortController();
  due = performance.now() + EVERY_MS;
  const { sensors, area, scale = null } = parse(location.hash), { signal } = stop, panel = the('panel');
  the('on-map').href = `/${location.hash}`;
  let error = '', status = 200;
  try {
    if (sensors) await showSensor(panel, sensors, scale, signal);
    else if (area) await showArea(panel, area, scale, signal);
    else panel.textContent = 'Nothing is named to show: the address ends in #sensor=NUMBER or #area=LAT,LON,KM.';
  } catch (caught) {
    [error, status] = [/** @type {Error} */ (caught).message, caught instanceof Refused ? caught.status : 0];
    due = performance.now() + RETRY_MS;
  }
  const warnings = (await ask('snapshot', signal).catch(() => null))?.report?.warnings ?? {};
  if (signal.aborted) return;
  // What shows stays; how old a measurement is stands beside it.
  const hasData = panel.querySelector('h2') !== null;
  if (error && !hasData) panel.replaceChildren();
  showBanners(the('banners'), banners({ newest: null, now: 0, count: 1, error, status, warnings, hasData }));
}

/** What is seen is asked for anew; what nobody sees waits until somebody does. */
function refresh() {
  tick();
  if (document.visibilityState === 'visible' && performance.now() >= due) show();
}

addEventListener('hashchange', show);
document.addEventListener('visibilitychange', refresh);
setInterval(refresh, RETRY_MS);
show();
