// @ts-check
/** The panel alone, for other people's pages: `/embed#sensor=4740` and `/embed#area=48.78,9.18,3`. */
import { parse } from './address.js';
import { showArea } from './area.js';
import { ask, EVERY_MS } from './feed.js';
import { showSensor } from './sensor.js';
import { banners, showBanners } from './state.js';

const panel = /** @type {HTMLElement} */ (document.getElementById('panel'));
let stop = new AbortController(), shown = 0;

async function show() {
  stop.abort();
  stop = new AbortController();
  shown = performance.now();
  const { sensors, area, scale } = parse(location.hash), { signal } = stop;
  /** @type {HTMLAnchorElement} */ (document.getElementById('on-map')).href = `/${location.hash}`;
  warn();
  try {
    if (sensors) await showSensor(panel, sensors, scale ?? null, signal);
    else if (area) await showArea(panel, area, scale ?? null, signal);
    else panel.textContent = 'Nothing is named to show: the address ends in #sensor=NUMBER or #area=LAT,LON,KM.';
  } catch (error) {
    if (!signal.aborted) panel.textContent = `This cannot be shown now: ${/** @type {Error} */ (error).message}`;
  }
}

/** Say above the panel what is wrong with the latest file; how old a measurement is stands beside it. */
async function warn() {
  const load = (await ask('snapshot').catch(() => null))?.report;
  const banner = /** @type {HTMLElement} */ (document.getElementById('banners'));
  if (load) showBanners(banner, banners({ newest: null, now: 0, count: 1, error: '', status: 200, warnings: load.warnings ?? {}, hasData: false }));
}

addEventListener('hashchange', show);
// What is seen is asked for anew; what nobody sees waits until somebody does.
const refresh = () => void (document.visibilityState === 'visible' && performance.now() - shown >= EVERY_MS - 1000 && show());
document.addEventListener('visibilitychange', refresh);
setInterval(refresh, EVERY_MS);
show();
