// @ts-check
/** How the service is: the last loads and their fates, what was rejected, lookups a minute. */
import { el, fold, svg, table, the } from './dom.js';
import { ask, file, saying, serviceNow } from './feed.js';
import { ageWords, OLD_MS, timeOf } from './state.js';
import { aMinute, counted, counter, FATES, reasonWords } from './words.js';

const LOADS_MS = 60_000, LOOK_MS = 10_000, LOOKS = 31, ENDS = ['complete', 'unchanged', 'incomplete', 'rejected', 'failed'];
/** @type {{at: number, count: number}[]} */
const looks = [];
/** @type {Map<string, string>} */
const failed = new Map();

async function loads() {
  const [ready, { loads: all, report }, { rejects }] = await Promise.all([
    fetch('/readyz', { cache: 'no-store' }).then((reply) => reply.text()), ask('snapshot'), ask('rejects')]);
  const age = serviceNow() - timeOf(report?.newest ?? null), newest = Number.isNaN(age) ? 'none in the latest file' : `${ageWords(age)}${age > OLD_MS ? '. That is old' : ''}`;
  const state = ready.trim().split('\n').join('; ');
  the('state').textContent = `${state[0].toUpperCase()}${state.slice(1)}. ${report ? `Newest measurement: ${newest}. Latest load: ${report.status}.` : 'Nothing was loaded yet.'}`;
  const most = Math.max(1, ...all.map((/** @type {any} */ load) => load.records));
  the('loads').replaceChildren(...(all.length ? [el('p', { class: 'small' }, `A bar a load, by the time of its file (UTC), oldest first; the tallest is of ${counted(all.some((/** @type {any} */ load) => load.records) ? most : 0, 'record')}.`), bars(all, most), legend(all), fold('These loads as a table', () => [table('Records by what became of them', ['File of', 'How it ended', 'Records', ...FATES.map(([name]) => name.replace('_', ' '))],
    all.map((/** @type {any} */ load) => [load.snapshot_time, load.status, load.records, ...FATES.map(([name]) => load[name])]))])] : [el('p', {}, 'There are none yet.')]));
  const reasons = Object.entries(report?.reasons ?? {}), top = Math.max(1, ...reasons.map(([, count]) => Number(count)));
  the('rejected').replaceChildren(...(reasons.length ? [
    el('ul', { class: 'reasons' }, ...reasons.map(([name, count]) => el('li', {}, el('meter', { min: 0, max: top, value: Number(count), 'aria-hidden': 'true' }), ` ${count}: ${reasonWords(name)}`))),
    fold('Which', () => [table(`${counted(rejects.length, 'measurement')}, at most 1,000 shown`, ['Measurement', 'Sensor', 'Country', 'Why'],
      rejects.map((/** @type {any} */ each) => [each.id ?? 'none', each.sensor_id ?? 'none', each.country ?? '–', reasonWords(each.reason)]))])] : [el('p', {}, 'Nothing was.')]));
}

/** @param {any[]} all newest first @param {number} most */
function bars(all, most) {
  const width = Math.min(900, the('loads').clientWidth || 360), height = 170, bottom = 20, edge = 16, step = (width - edge) / 24;
  const parts = [...all].reverse().flatMap((load, place) => {
    let y = height - bottom;
    const x = edge / 2 + place * step + 1;
    const stack = FATES.map(([name, words], kind) => {
      const tall = (load[name] / most) * (height - bottom - 6);
      y -= tall;
      return tall && svg('rect', { x, y, width: step - 2, height: tall, class: `fate-${kind}` }, svg('title', {}, `${load.snapshot_time}: ${load[name]} ${words}`));
    });
    const label = place % 4 === (all.length - 1) % 4 && svg('text', { x: x + step / 2, y: height - 5, class: 'tick' }, new Date(timeOf(load.snapshot_time)).toISOString().slice(11, 16));
    return [...stack, load.status !== 'complete' && svg('text', { x: x + step / 2, y: y - 2, class: 'tick' }, '!'), label];
  });
  return svg('svg', { class: 'fates', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `The last ${counted(all.length, 'load')}, oldest first, by what became of their records; the table below says the same.` }, ...parts);
}

/** @param {any[]} all */
function legend(all) {
  return el('ul', { class: 'kinds' }, ...FATES.map(([, words], kind) => el('li', {},
    svg('svg', { width: 14, height: 14, 'aria-hidden': 'true' }, svg('rect', { width: 14, height: 14, class: `fate-${kind}` })), ` ${words}`)),
  all.some((load) => load.status !== 'complete') && el('li', {}, '! over a bar: that load did not end as complete; the table says how'));
}

async function lookups() {
  const text = await (await file('/metrics')).text();
  const count = counter(text, 'aqi_lookups_total'), memory = counter(text, 'aqi_lookups_total', 'source="memory"');
  if (count < (looks.at(-1)?.count ?? 0)) looks.length = 0; // the service began anew
  const ends = ENDS.map((end) => `${counter(text, 'aqi_loads_total', `status="${end}"`)} ${end}`).filter((said) => !said.startsWith('0 '));
  the('ends').textContent = ends.length ? `Loads since the service began: ${ends.join(', ')}. Those that are unchanged, rejected or failed have no bar: they kept nothing.` : '';
  looks.push({ at: performance.now(), count });
  if (looks.length > LOOKS) looks.shift();
  const rate = aMinute(looks[0], looks[looks.length - 1]);
  the('lookups').replaceChildren(el('p', {}, `${rate === null ? 'How many a minute shows here in a moment' : `${rate} a minute in the last ${counted(Math.round((looks[looks.length - 1].at - looks[0].at) / 1000), 'second')}`}; ` +
    `${counted(count, 'record')} looked up since the service began${count ? `, ${Math.round((memory / count) * 100)} % from memory` : ''}.`));
}

/** Do it now and every so often while the page is seen; what fails is said, and what was there stays. @param {string} name @param {() => Promise<void>} what @param {number} ms */
function repeat(name, what, ms) {
  const once = async () => {
    if (document.visibilityState !== 'visible') return;
    await what().then(() => failed.delete(name), (error) => failed.set(name, `${name} cannot be said now: ${saying(error)}. What shows of it is what was last said.`));
    the('failed').textContent = [...failed.values()].join(' ');
  };
  once();
  setInterval(once, ms);
  document.addEventListener('visibilitychange', once);
}

repeat('How the service is', loads, LOADS_MS);
repeat('How many lookups there are', lookups, LOOK_MS);
