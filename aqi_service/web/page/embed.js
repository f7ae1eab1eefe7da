// @ts-check
/** The panel alone, for other people's pages: `/embed#sensor=4740` and `/embed#area=48.78,9.18,3`. */
import { parse } from './address.js';
import { showArea } from './area.js';
import { EVERY_MS } from './feed.js';
import { showSensor } from './sensor.js';

const panel = /** @type {HTMLElement} */ (document.getElementById('panel'));
let stop = new AbortController(), shown = 0;

async function show() {
  stop.abort();
  stop = new AbortController();
  shown = performance.now();
  const { sensors, area, scale } = parse(location.hash), { signal } = stop;
  /** @type {HTMLAnchorElement} */ (document.getElementById('map')).href = `/${location.hash}`;
  try {
    if (sensors) await showSensor(panel, sensors, scale ?? null, signal);
    else if (area) await showArea(panel, area, scale ?? null, signal);
    else panel.textContent = 'Nothing is named to show: the address ends in #sensor=NUMBER or #area=LAT,LON,KM.';
  } catch (error) {
    if (!signal.aborted) panel.textContent = `This cannot be shown now: ${/** @type {Error} */ (error).message}`;
  }
}

addEventListener('hashchange', show);
// What is seen is asked for anew; what nobody sees waits until somebody does.
const refresh = () => void (document.visibilityState === 'visible' && performance.now() - shown >= EVERY_MS - 1000 && show());
document.addEventListener('visibilitychange', refresh);
setInterval(refresh, EVERY_MS);
show();
