// @ts-check
/** An area: the middle of its sensors, and who was left out. One rule: under three sensors nothing is summed up. */
import { asking, el, fold, link, linked } from './dom.js';
import { ask } from './feed.js';
import { scales } from './scales.js';
import { big, chip, credit } from './sensor.js';
import { means } from './state.js';
import { counted, LEFT, leftOut, NOT, shortName, shown, why } from './words.js';

/** Sensors nearest to the middle that are asked for, to say which were left out. */
const ASKED = 100;
/** Sensors of which an area needs that many, and that are named where it has fewer. */
const LEAST = 3, NAMED = 5;

/**
 * @param {HTMLElement} panel @param {import('./address.js').Area} area @param {string|null} scale @param {AbortSignal} signal
 */
export async function showArea(panel, { lat, lon, km }, scale, signal) {
  asking(panel, `the area of ${km} km around ${lat}, ${lon}`);
  const query = `lat=${lat}&lon=${lon}${scale ? `&scale=${scale}` : ''}`;
  const [all, area, around] = await Promise.all([
    scales(), ask(`area?${query}&km=${km}`, signal), ask(`near?${query}&n=${ASKED}&indoor=true`, signal)]);
  if (signal.aborted) return;
  const { sensors: near } = around, on = all[area.scale] ?? all.daqi, out = near.filter((/** @type {any} */ each) => each.distance_km <= km && leftOut(each));
  panel.replaceChildren(
    el('h2', {}, `Within ${km} km of ${Number(lat.toFixed(3))}, ${Number(lon.toFixed(3))}`),
    ...(area.sensors < LEAST ? few(area, near, on) : summed(area, on)),
    ...left(area, out),
    el('p', { class: 'links' }, link(`/api/v1/area?${query}&km=${km}`, 'JSON'), link(`/api/v1/area.csv?${query}&km=${km}`, 'CSV')),
    el('p', { class: 'not' }, NOT), credit(around));
}

/** @param {any} area @param {any} scale */
function summed(area, scale) {
  const { sum, rows } = why(area, scale);
  return [
    big(area, scale, means('24-hour means'), `median of ${area.sensors} sensors; `),
    el('section', {}, el('h3', {}, 'Why this number'), el('p', { class: 'sum' }, sum), el('ul', {}, ...rows.map((row) => el('li', {}, row))),
      ...['P2.5', 'P10'].filter((name) => area[name]).map((name) => el('p', {},
        `${shown(name)}: median ${area[name].value}, half of the sensors lie from ${area[name].q1} to ${area[name].q3} µg/m³, the quartiles.`)),
      el('p', { class: 'small' }, `The median is the middle value, with half of the sensors below it, so that one broken device changes little. `, linked(`${scale.title}: ${scale.source}, ${scale.date}.`))),
  ];
}

/** @param {any} area @param {any[]} near @param {any} scale */
function few(area, near, scale) {
  const clean = near.filter((each) => !leftOut(each)).slice(0, NAMED);
  return [
    el('p', {}, `${area.sensors === 0 ? 'No sensor here counts' : `Only ${counted(area.sensors, 'sensor')} here ${area.sensors === 1 ? 'counts' : 'count'}`}: ` +
      'under three there is no middle, since nobody knows which is right. The nearest instead, however far:'),
    clean.length ? listed(clean, scale, () => '') : el('p', {}, 'There is none anywhere.'),
  ];
}

/** @param {any} area @param {any[]} out those of the nearest that were left out */
function left({ left_out: count, left_out_because: because }, out) {
  if (!count) return [el('p', {}, 'None was left out.')];
  const reasons = Object.entries(because).map(([name, many]) => `${many} ${many === 1 ? LEFT[name] : LEFT[name].replace('its', 'their')}`);
  return [el('p', {}, `${count} left out: ${reasons.join(', ')}.`), fold(out.length < count ? `The nearest ${out.length} of these` : 'Which were left out', () => [listed(out, null, leftOut)])];
}

/** @param {any[]} sensors @param {any} scale @param {(sensor: any) => string} more */
function listed(sensors, scale, more) {
  return el('ul', { class: 'sensors' }, ...sensors.map((each) => el('li', {}, scale && chip(each.record.AQI, scale), ' ',
    link(`#sensor=${each.sensor_id}`, `Sensor ${each.sensor_id}`),
    each.place && ` near ${each.place}`, `, ${each.distance_km < 10 ? each.distance_km : Math.round(each.distance_km)} km away`, scale && `: ${shortName(scale.name)} ${each.record.AQI}, ${each.record.AQI_range}`, more(each) && `: ${more(each)}`)));
}
