// @ts-check
/** What must be said above the map: how old the data are, and what is wrong with them. */

import { el } from './dom.js';
import { serviceNow } from './feed.js';

/** From this age on a banner says so. */
export const OLD_MS = 3 * 3600_000;

/**
 * @typedef {Object} Known
 * @property {string|null} newest timestamp of the newest record, UTC @property {number} now epoch milliseconds
 * @property {number} count sensors @property {string} error why the last question failed, '' if it did not
 * @property {number} status of that answer, 0 if the service could not be reached
 * @property {Record<string, number>|null} warnings of the latest load, null while they are not known @property {boolean} hasData
 * @property {Map<string, string>} missing what could not be had -> why @property {string[]} wrong parts of the address that say nothing
 */
/** @typedef {{kind: string, text: string}} Banner */

/** Epoch milliseconds of a timestamp, which is UTC with or without saying so. @param {string|null} text */
export function timeOf(text) {
  const bare = (text ?? '').replace(' ', 'T');
  return Date.parse(/[Zz]$|[+-]\d\d:?\d\d$/.test(bare) ? bare : `${bare}Z`);
}

/** As badges say it: what is not whole does not count. @param {number} ms @returns {string} in words */
export function ageWords(ms) {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 2) return minutes < -60 ? 'dated ahead of now' : 'a minute ago';
  if (minutes < 120) return `${minutes} minutes ago`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} hours ago`;
  const days = Math.floor(minutes / 1440);
  return days < 730 ? `${days} days ago` : `${Math.floor(days / 365)} years ago`;
}

/** How old a measurement is, or an area's newest; `tick` moves it on. @param {any} record @returns {HTMLElement} */
export const aged = ({ timestamp, newest }) => tick([el('time', { 'data-since': timeOf(timestamp ?? newest) })]);

/** Say ages anew, all on the page without others. @param {any} [all] */
export function tick(all = document.querySelectorAll('time')) {
  for (const each of all) {
    const ms = serviceNow() - Number(each.dataset.since);
    each.textContent = Number.isNaN(ms) ? 'of unknown age' : `${ms > OLD_MS ? 'Old: ' : ''}${ageWords(ms)}`;
    each.classList.toggle('old', ms > OLD_MS);
  }
  return all[0];
}

/** Of what time a value is, where one is large; until the service has said it, neither shows. @param {string} plain @returns {HTMLElement[]} */
export const means = (plain) => [el('span', { class: 'mean' }, `${plain}, not now; `), el('span', { class: 'other' }, `no ${plain}, so this only illustrates; `)];

/** What is so of a load's file, and what that means for what shows. @type {Record<string, [string, string]>} */
const OF_LOAD = {
  not_24h_mean: ['', 'These are no 24-hour means but 5-minute values, as in the demo\'s capture of 2017: an index on them only illustrates.'],
  empty_feed: ['The newest file of the network was empty.', ' What shows here is older.'],
  halved_feed: ['The newest file of the network had under half of the usual records.', ' What shows here may be older.'],
};

/** @param {Known} known @returns {Banner[]} the gravest first */
export function banners({ newest, now, count, error, status, warnings, hasData, missing, wrong }) {
  const isAway = error && status === 0, isEarly = error && status === 503 && !hasData, age = now - timeOf(newest);
  /** @type {[unknown, string, string][]} */
  const all = [
    [isAway, 'error', `The service cannot be reached${hasData ? ': what shows here is what it last said.' : '. This page tries again by itself.'}`],
    [isEarly, 'error', `Nothing can be shown yet: ${error}. This page asks again by itself.`],
    [error && !isAway && !isEarly, 'error', `The service says: ${error}`],
    [hasData && count === 0, 'warning', 'The latest file has no sensors.'],
    [hasData && age > OLD_MS, 'warning', `Old data: the newest measurement here was made ${ageWords(age)}.`],
    ...Object.entries(OF_LOAD).map(([name, [file, here]]) => /** @type {[unknown, string, string]} */ ([warnings?.[name] && (file || hasData), 'warning', `${file}${hasData ? here : ''}`])),
    [missing.size && !isAway, 'warning', `Not here now: ${[...missing].map(([what, why]) => `${what} (${why})`).join(', ')}. This page asks again by itself.`],
    [wrong.length, 'warning', `Nothing here is meant by ${wrong.map((part) => `"${part}"`).join(', ')} in the address; what shows is without that.`],
  ];
  return all.filter(([when]) => when).map(([, kind, text]) => ({ kind, text }));
}

/** @param {HTMLElement} place @param {Known} known */
export function showBanners(place, known) {
  const shown = banners(known), { warnings } = known;
  document.documentElement.dataset.mean = !warnings ? '' : warnings.not_24h_mean ? 'other' : 'day';
  const said = shown.map((each) => each.text).join('\n');
  if (place.dataset.said === said) return;
  place.dataset.said = said;
  place.replaceChildren(...shown.map(({ kind, text }) => el('p', { class: kind }, text)));
}
