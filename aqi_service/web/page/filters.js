// @ts-check
/** Which sensors show, and the count of those that do not, with the reasons: pure. */

import { oneCode } from './address.js';

/** @typedef {import('./feed.js').Columns} Columns */
/**
 * What is to be left out.
 * @typedef {Object} Choice
 * @property {'index'|'P2.5'|'P10'} show what is coloured
 * @property {string} band name of the only band that shows; '' for all
 * @property {string} country two letters; '' for all
 * @property {string} indoor `outdoor` or `indoor` alone; '' for both
 * @property {Set<string>} hidden flags whose sensors do not show
 */

/** Flags that say not to trust a value; `alone` says that nothing can be said. */
export const DOUBTS = ['stale', 'high', 'low'];

/** @type {Record<string, string>} */
export const WORDS = {
  'no place': 'without a place',
  'no value': 'without that value',
  band: 'in another band',
  country: 'in another country',
  indoor: 'indoors',
  outdoor: 'not indoors',
  stale: 'silent for over 3 hours',
  high: 'far above their neighbours',
  low: 'far below their neighbours',
  alone: 'without neighbours to compare',
};

/**
 * @param {Columns} columns @param {number} at @param {Choice} choice
 * @param {(at: number) => string|null} bandAt the band of what is coloured, null without a value
 * @returns {string} why it does not show, '' if it does
 */
export function reason(columns, at, choice, bandAt) {
  if (columns.latitude[at] === null || columns.longitude[at] === null) return 'no place';
  const band = bandAt(at);
  if (band === null) return 'no value';
  if (choice.country && oneCode(columns.country[at]) !== choice.country) return 'country';
  if (choice.indoor === 'outdoor' && columns.indoor[at]) return 'indoor';
  if (choice.indoor === 'indoor' && !columns.indoor[at]) return 'outdoor';
  const hidden = flagsAt(columns, at).find((flag) => choice.hidden.has(flag));
  if (hidden) return hidden;
  return choice.band && band !== choice.band ? 'band' : '';
}

/**
 * @param {Columns} columns @param {Choice} choice @param {(at: number) => string|null} bandAt
 * @returns {{shown: number[], left: Map<string, number>}} positions that show, and how many do not by reason
 */
export function sift(columns, choice, bandAt) {
  const shown = [];
  const left = new Map();
  for (let at = 0; at < columns.sensor_id.length; at++) {
    const why = reason(columns, at, choice, bandAt);
    if (why) left.set(why, (left.get(why) ?? 0) + 1);
    else shown.push(at);
  }
  return { shown, left };
}

/**
 * Say how many show, of how many, and why not all.
 * @param {number} shown @param {Map<string, number>} left @returns {string}
 */
export function counted(shown, left) {
  const out = [...left.values()].reduce((sum, each) => sum + each, 0);
  const all = `${digits(shown)} of ${digits(shown + out)} sensors`;
  if (!out) return `${all}, none left out`;
  const whys = [...left].sort((a, b) => b[1] - a[1]).map(([why, count]) => `${digits(count)} ${WORDS[why] ?? why}`);
  return `${all}, ${digits(out)} left out: ${whys.join(', ')}`;
}

/** @param {number} count 12,345 */
export const digits = (count) => count.toLocaleString('en-GB');

/** @param {Columns} columns @param {number} at @returns {string[]} */
export const flagsAt = (columns, at) => (columns.flags[at] || '').split(' ').filter(Boolean);

/**
 * Whether a sensor counts where several are summed up, as in the API's areas: outdoors, and not in doubt.
 * @param {Columns} columns @param {number} at
 */
export function isClean(columns, at) {
  return !columns.indoor[at] && !flagsAt(columns, at).some((flag) => DOUBTS.includes(flag));
}

/** From this humidity on, in half of the boxes, there is fog or rain: optical sensors then take drops for dust. */
export const FOG = 95;

/**
 * Say that there is fog, if there is; of too few sensors nothing can be said.
 * @param {Columns} columns @param {number[]} seen @returns {string} '' if there is none
 */
export function fogWords(columns, seen) {
  const boxes = seen.map((at) => columns.humidity?.[at] ?? null).filter((each) => each !== null);
  const middle = boxes.length < 5 ? 0 : median(boxes);
  return middle < FOG ? '' : `Fog or rain: in half of the ${digits(boxes.length)} boxes in sight that measure it, humidity is ${Math.floor(middle)} % or more. `
    + 'Optical sensors take drops for dust, and read high.';
}

/** @template T @param {Iterable<T>} all @param {(each: T) => string} keyOf @returns {Map<string, T[]>} them by their key, as they came */
export function grouped(all, keyOf) {
  const found = new Map();
  for (const each of all) {
    const key = keyOf(each);
    found.get(key)?.push(each) ?? found.set(key, [each]);
  }
  return found;
}

/** @param {number[]} values not empty @returns {number} their median, halfway between the middle two */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b), middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
