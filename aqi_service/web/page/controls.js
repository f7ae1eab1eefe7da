// @ts-check
/** What a person chooses to see, the legend, and the theme. */
import { el, svg } from './dom.js';
import { colour } from './scales.js';

const THEMES = ['auto', 'light', 'dark'];

/** @typedef {import('./filters.js').Choice & {scale: string, palette: string, rejects: boolean}} Chosen */

/** @param {HTMLFormElement} form @returns {Chosen} */
export function chosenIn(form) {
  const said = new FormData(form);
  const text = (/** @type {string} */ name) => String(said.get(name) ?? '');
  return {
    show: /** @type {Chosen['show']} */ (text('show')), band: text('band'), country: text('country'),
    indoor: /** @type {Chosen['indoor']} */ (text('indoor')), hidden: new Set(said.getAll('hidden').map(String)),
    scale: text('scale'), palette: said.has('second') ? 'second' : 'official', rejects: said.has('rejects'),
  };
}

/** @param {HTMLFormElement} form @param {string} name @param {[string, string][]} options value, text; '' stays first */
export function offer(form, name, options) {
  const select = /** @type {HTMLSelectElement} */ (form.elements.namedItem(name)), had = select.value;
  const all = [...select.options].filter((option) => option.value === '');
  select.replaceChildren(...all, ...options.map(([value, text]) => new Option(text, value)));
  select.value = [...select.options].some((option) => option.value === had) ? had : select.options[0]?.value ?? '';
}

/** @param {(string|null)[]} countries @returns {[string, string][]} with their names, by name */
export function countryOptions(countries) {
  const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'code' });
  const all = [...new Set(countries)].filter((each) => each && /^[A-Z]{2}$/.test(each)).map(String);
  return all.map((code) => /** @type {[string, string]} */ ([code, names.of(code) ?? code])).sort((a, b) => a[1].localeCompare(b[1], 'en'));
}

/**
 * @param {HTMLElement} name @param {HTMLElement} list @param {any} scale @param {Chosen} chosen
 */
export function showLegend(name, list, scale, { show, palette }) {
  name.textContent = `${scale.title}${show === 'index' ? '' : `: ${show === 'P10' ? 'PM10' : 'PM2.5'}, µg/m³`}`;
  list.replaceChildren(...scale.bands.map((/** @type {any} */ band) => {
    const numbers = show === 'index' ? range(band.index_from, band.index_to) : limits(scale.pollutants[show].rows, band.name);
    return el('li', {}, swatches(coloursOf(scale, band, palette)), el('span', {}, numbers), el('span', {}, band.name));
  }));
}

/** @param {any} scale @param {any} band @param {string} palette */
function coloursOf(scale, band, palette) {
  const to = band.index_to ?? Infinity;
  const all = scale.colours.filter((/** @type {any} */ each) => each.index_from >= band.index_from && each.index_from <= to);
  return all.length ? all.map((/** @type {any} */ each) => colour(scale, each.index_from, palette)) : [colour(scale, band.index_from, palette)];
}

/** @param {number} from @param {number|null} to */
function range(from, to) {
  if (to === null) return `${from} and more`;
  return from === to ? String(from) : `${from}–${to}`;
}

/** @param {any[]} rows @param {string} band */
function limits(rows, band) {
  const all = rows.filter((row) => row.band === band);
  return all.length ? range(all[0].from, all[all.length - 1].to) : '';
}

/** @param {string[]} colours */
function swatches(colours) {
  const side = 14, rects = colours.map((fill, at) => svg('rect', { x: at * side, y: 0, width: side, height: side, fill, stroke: '#444' }));
  return svg('svg', { width: colours.length * side, height: side, 'aria-hidden': 'true' }, ...rects);
}

/** @param {HTMLButtonElement} button @param {() => void} changed */
export function themeSwitch(button, changed) {
  const root = document.documentElement;
  const say = () => { button.textContent = `Theme: ${root.dataset.theme}`; };
  button.addEventListener('click', () => {
    root.dataset.theme = THEMES[(THEMES.indexOf(root.dataset.theme ?? 'auto') + 1) % THEMES.length];
    try { localStorage.setItem('theme', root.dataset.theme); } catch { /* it holds for this page alone */ }
    say();
    changed();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
  say();
}
