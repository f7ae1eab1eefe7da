// @ts-check
/** Rejected measurements as a layer of their own, each with the reason in words. */
import { el } from './dom.js';
import { ask } from './feed.js';
import { reasonWords } from './words.js';

/**
 * @param {typeof import('leaflet')} L
 * @returns {Promise<any>} a layer of crosses
 */
export async function rejectsLayer(L) {
  const { rejects } = await ask('rejects');
  const icon = L.divIcon({ className: 'reject', iconSize: [18, 18], html: '×' });
  const places = rejects.filter((/** @type {any} */ each) => each.latitude !== null && each.longitude !== null);
  return L.layerGroup(places.map((/** @type {any} */ each) => {
    const text = el('span', {}, `Sensor ${each.sensor_id ?? 'without a number'}, rejected: ${reasonWords(each.reason)}.`);
    return L.marker([each.latitude, each.longitude], { icon, title: text.textContent }).bindPopup(text);
  }));
}
