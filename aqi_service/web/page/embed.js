// @ts-check
/** The panel alone, for other people's pages: `/embed#sensor=4740` and `/embed#area=48.78,9.18,3`. */
import { parse } from './address.js';
import { showArea } from './area.js';
import { the } from './dom.js';
import { ask, EVERY_MS, Refused, saying } from './feed.js';
import { askable } from './scales.js';
import { showSensor } from './sensor.js';
import { showBanners, tick } from './state.js';

const RETRY_MS = 15_000;
let stop = new AbortController(), due = 0;

async function show() {
  stop.abort();
  stop = new AbortController();
  due = performance.now() + EVERY_MS;
  const { sensors, area, chosen, wrong } = parse(location.hash), { signal } = stop, panel = the('panel'), missing = new Map();
  document.documentElement.dataset.palette = chosen.second ? 'second' : 'official';
  the('on-map').href = `/${location.hash}`;
  let error = '', status = 200;
  const load = ask('snapshot', signal).catch((caught) => { missing.set('how the last load went', saying(caught)); });
  try {
    const scale = await askable(chosen.scale);
    if (chosen.scale && !scale) wrong.push(`scale=${chosen.scale}`);
    if (sensors) await showSensor(panel, sensors, scale, signal);
    else if (area) await showArea(panel, area, scale, signal);
    else panel.textContent = 'Nothing is named to show: the address ends in #sensor=NUMBER or #area=LAT,LON,KM.';
  } catch (caught) {
    [error, status] = [/** @type {Error} */ (caught).message, caught instanceof Refused ? caught.status : 0];
  }
  const said = await load, warnings = said ? said.report?.warnings ?? {} : null;
  if (signal.aborted) return;
  if (error || missing.size) due = performance.now() + RETRY_MS;
  // What shows stays; how old a measurement is stands beside it.
  const hasData = panel.querySelector('h2') !== null;
  if (error && !hasData) panel.replaceChildren();
  showBanners(the('banners'), { newest: null, now: 0, count: 1, error, status, warnings, hasData, missing, wrong });
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
