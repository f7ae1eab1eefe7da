// @ts-check
/** Rejected measurements as a layer of their own, each with the reason in words. */
import { ask } from './feed.js';

/** @type {Record<string, string>} */
const WORDS = {
  not_mass: 'this kind of sensor counts particles, and no factor makes µg/m³ of that',
  no_pm_value: 'no usable value of PM2.5 or PM10: as failed sensors send them',
  bad_id: 'its number is no number', bad_timestamp: 'its time is none, or lies in the future',
};

/**
 * @param {typeof import('leaflet')} L @param {(reject: any, words: string) => void} choose
 * @returns {Promise<any>} a layer of crosses
 */
export async function rejectsLayer(L, choose) {
  const { rejects } = await ask('rejects');
  const icon = L.divIcon({ className: 'reject', iconSize: [18, 18], html: '×' });
  const places = rejects.filter((/** @type {any} */ each) => each.latitude !== null && each.longitude !== null);
  return L.layerGroup(places.map((/** @type {any} */ each) => {
    const words = WORDS[each.reason] ?? each.reason.replaceAll('_', ' ');
    return L.marker([each.latitude, each.longitude], { icon, alt: '', title: `Sensor ${each.sensor_id}, rejected: ${words}` })
      .on('click', () => choose(each, words));
  }));
}
