// @ts-check
/** The scales as the service has them: bands, limits, colours. */
import { ask } from './feed.js';

/**
 * @typedef {{from: number, to: number|null, begins: number, index_from: number, index_to: number|null, band: string}} Row
 * @typedef {{name: string, title: string, may_be_asked: boolean, source: string, date: string,
 *   bands: {name: string, index_from: number, index_to: number|null}[],
 *   colours: {index_from: number, official: string, second: string}[],
 *   pollutants: Record<string, {rounding: string, rows: Row[]}>}} Scale
 */

/** @type {Promise<any>|undefined} */
let asked;

/** All scales by name. @returns {Promise<Record<string, Scale>>} */
export async function scales() {
  const { scales: all } = await answer();
  return Object.fromEntries(all.map((/** @type {Scale} */ each) => [each.name, each]));
}

/** The limits for 24-hour means. @returns {Promise<{name: string, limits: Record<string, number>, source: string, date: string}>} */
export async function guideline() {
  return (await answer()).guideline;
}

/** What is answered is kept; what fails is asked again. */
function answer() {
  asked ??= ask('scales').catch((error) => {
    asked = undefined;
    throw error;
  });
  return asked;
}

/** Which colours were chosen: `official` or `second`. */
export const paletteNow = () => document.documentElement.dataset.palette ?? 'official';

/** @param {Scale} scale @param {number} index @param {string} [palette] `official` or `second` */
export function colour(scale, index, palette = 'official') {
  const found = scale.colours.findLast((each) => each.index_from <= index) ?? scale.colours[0];
  return palette === 'second' ? found.second : found.official;
}

/** @param {Scale} scale @param {string} pollutant @param {number} value µg/m³ @returns {Row} */
export function bandOf(scale, pollutant, value) {
  const { rows } = scale.pollutants[pollutant];
  // Where nothing is rounded, a row begins just above the end of the one before.
  return rows.findLast((row, at) => (row.from === rows[at - 1]?.to ? row.begins < value : row.begins <= value)) ?? rows[0];
}
