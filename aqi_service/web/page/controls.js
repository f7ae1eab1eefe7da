// @ts-check
/** What a person chooses to see, the legend, and the theme. */
import { CHOICE, oneCode } from './address.js';
import { el } from './dom.js';
import { range, swatches } from './scales.js';

/** @typedef {import('./filters.js').Choice & {palette: string, rejects: boolean}} Chosen */

/** @param {HTMLFormElement} form @returns {Chosen} */
export function chosenIn(form) {
  const { show, band = '', country = '', indoor = '', hidden, second, rejects } = wordsIn(form);
  return { show: /** @type {Chosen['show']} */ (show ?? 'index'), band, country, indoor, hidden: new Set(hidden?.split(',')), palette: second ? 'second' : 'official', rejects: !!rejects };
}

/** What is chosen as an address has it: what is as it is without a choice is left out. @param {HTMLFormElement} form @returns {Record<string, string>} */
export function wordsIn(form) {
  const said = new FormData(form);
  return Object.fromEntries(CHOICE.map((name) => [name, said.getAll(name).join(',')]).filter(([, words]) => words));
}

/** Choose what an address says. @param {HTMLFormElement} form @param {Record<string, string>} chosen @returns {string[]} what the form does not have */
export function fill(form, chosen) {
  return CHOICE.filter((name) => {
    const text = chosen[name] ?? '', words = name === 'hidden' ? text.split(',') : [text];
    const all = [.../** @type {NodeListOf<any>} */ (form.querySelectorAll(`[name=${name}] option, input[name=${name}]`))];
    for (const each of all) each[each.type === 'checkbox' ? 'checked' : 'selected'] = words.includes(each.value);
    return text && !words.every((word) => all.some(({ value }) => value === word));
  }).map((name) => `${name}=${chosen[name]}`);
}

/** @param {HTMLFormElement} form @param {string} name @param {[string, string][]} options value, text; the first stays */
export function offer(form, name, options) {
  const select = /** @type {HTMLSelectElement} */ (form.elements.namedItem(name));
  select.replaceChildren(select.options[0], ...options.map(([value, text]) => new Option(text, value)));
}

/** @param {(string|null)[]} countries @returns {[string, string][]} with their names, by name */
export function countryOptions(countries) {
  const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'code' }), all = [...new Set(countries.map(oneCode))].filter((each) => each && /^[A-Z]{2}$/.test(each)).map(String);
  return all.map((code) => /** @type {[string, string]} */ ([code, names.of(code) ?? code])).sort((a, b) => a[1].localeCompare(b[1], 'en'));
}

/**
 * @param {HTMLElement} name @param {HTMLElement} list @param {any} scale @param {Chosen} chosen
 */
export function showLegend(name, list, scale, { show, palette }) {
  name.textContent = `${scale.title}${show === 'index' ? '' : `: ${show === 'P10' ? 'PM10' : 'PM2.5'}, µg/m³`}`;
  list.replaceChildren(...scale.bands.map((/** @type {any} */ band) => el('li', {}, swatches(scale, band, palette),
    el('span', {}, show === 'index' ? range(band.index_from, band.index_to) : limits(scale.pollutants[show].rows, band.name)), el('span', {}, band.name))));
}

/** @param {any[]} rows @param {string} band */
function limits(rows, band) {
  const all = rows.filter((row) => row.band === band);
  return all.length ? range(all[0].from, all[all.length - 1].to) : '';
}

/** @param {HTMLSelectElement} select @param {() => void} changed */
export function themeSwitch(select, changed) {
  const { dataset } = document.documentElement;
  select.value = dataset.theme ?? 'auto';
  select.addEventListener('change', () => {
    dataset.theme = select.value;
    try { localStorage.setItem('theme', select.value); } catch { /* it holds for this page alone */ }
    changed();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
}
