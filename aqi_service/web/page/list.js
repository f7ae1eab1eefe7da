// @ts-check
/** The sensors as a list beside the map, by distance from its middle: the map for who does not see it. */
import { el } from './dom.js';
import { flagsAt, WORDS } from './filters.js';

export const MOST_LISTED = 50, EARTH_KM = 6371.0088;

/** @param {number} lat1 @param {number} lon1 @param {number} lat2 @param {number} lon2 kilometres between two points */
export function kilometres(lat1, lon1, lat2, lon2) {
  const [a, b, c] = [lat1, lat2, lon2 - lon1].map((each) => (each * Math.PI) / 180);
  const half = Math.sin((b - a) / 2) ** 2 + Math.cos(a) * Math.cos(b) * Math.sin(c / 2) ** 2;
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(half)));
}

/**
 * @param {import('./feed.js').Columns} columns @param {number[]} shown @param {{lat: number, lng: number}} middle
 * @returns {{at: number, km: number}[]} the nearest, by distance
 */
export function nearest(columns, shown, middle) {
  const all = shown.map((at) => ({
    at, km: kilometres(middle.lat, middle.lng, Number(columns.latitude[at]), Number(columns.longitude[at])),
  }));
  return all.sort((a, b) => a.km - b.km || a.at - b.at).slice(0, MOST_LISTED);
}

/** @param {import('./feed.js').Columns} columns @param {number} at @param {string} title the scale's short name */
export function line(columns, at, title) {
  const values = /** @type {const} */ (['P2.5', 'P10']).filter((name) => columns[name][at] !== null)
    .map((name) => `${name === 'P10' ? 'PM10' : 'PM2.5'} ${columns[name][at]} µg/m³`);
  const words = [`${title} ${columns.AQI[at] ?? 'none'}, ${columns.AQI_range[at] ?? ''}`, ...values];
  if (columns.indoor[at]) words.push('indoors');
  return [...words, ...flagsAt(columns, at).map((flag) => (WORDS[flag] ?? flag).replace('their', 'its'))].join('; ');
}

/**
 * @param {HTMLElement} place @param {import('./feed.js').Columns} columns @param {{at: number, km: number}[]} listed
 * @param {string} title @param {(id: string) => void} choose
 */
export function showList(place, columns, listed, title, choose) {
  place.replaceChildren(...listed.map(({ at, km }) => el('li', {}, el('button', { type: 'button', click: () => choose(columns.sensor_id[at]) },
    `Sensor ${columns.sensor_id[at]}, ${km < 10 ? km.toFixed(1) : Math.round(km)} km away: ${line(columns, at, title)}`))));
}
