// @ts-check
/** Rejected measurements as a layer of their own, each with the reason in words. */
import { ask } from './feed.js';

const WORDS = new Map(Object.entries({
  unreadable: 'its text cannot be read', too_long: 'it is longer than any measurement', too_deep: 'it is nested deeper than any measurement',
  not_an_object: 'it is no measurement', bad_id: 'its number is no number', bad_timestamp: 'its time is none, long past, or in the future',
  not_mass: 'this kind of sensor counts particles, and no factor makes µg/m³ of that',
  no_pm_value: 'no usable value of PM2.5 or PM10, as failed sensors send them',
}));

/**
 * @param {typeof import('leaflet')} L
 * @returns {Promise<any>} a layer of crosses
 */
export async function rejectsLayer(L) {
  const { rejects } = await ask('rejects');
  const icon = L.divIcon({ className: 'reject', iconSize: [18, 18], html: '×' });
  const places = rejects.filter((/** @type {any} */ each) => each.latitude !== null && each.longitude !== null);
  return L.layerGroup(places.map((/** @type {any} */ each) => {
    const text = document.createElement('span');
    text.textContent = `Sensor ${each.sensor_id ?? 'without a number'}, rejected: ${WORDS.get(each.reason) ?? each.reason}.`;
    return L.marker([each.latitude, each.longitude], { icon, title: text.textContent }).bindPopup(text);
  }));
}
