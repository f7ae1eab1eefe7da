// @ts-check
/** One box for a sensor's or a record's id, a point, or a city; asks this service alone. */
import { isPoint } from './address.js';
import { el } from './dom.js';
import { ask, Refused, saying } from './feed.js';

/** @typedef {{kind: 'nothing'|'odd'}|{kind: 'id', id: string}|{kind: 'point', lat: number, lon: number}|{kind: 'city', name: string}} Sought */
/** @typedef {{sensor: (id: string) => void, point: (lat: number, lon: number, km: number) => void, knows: (id: string) => string|null}} Found */

const POINT = /^(-?\d+(?:\.\d+)?)\s*[,;\s]\s*(-?\d+(?:\.\d+)?)$/;
/** How far around the middle of a city is asked for. */
export const CITY_KM = 5;
const POINT_KM = 3;

/** @param {string} text what was typed @returns {Sought} */
export function sought(text) {
  const typed = text.trim();
  if (!typed) return { kind: 'nothing' };
  const point = POINT.exec(typed);
  if (point && isPoint(Number(point[1]), Number(point[2]))) return { kind: 'point', lat: Number(point[1]), lon: Number(point[2]) };
  const id = /^(?:sensor|record|id|#)?\s*#?\s*(\d{1,20})$/i.exec(typed);
  return id ? { kind: 'id', id: id[1] } : /\d/.test(typed) ? { kind: 'odd' } : { kind: 'city', name: typed.slice(0, 100) };
}

/** @param {HTMLFormElement} form @param {Found} found */
export function searchBox(form, found) {
  const box = /** @type {HTMLInputElement} */ (form.querySelector('input'));
  const said = /** @type {HTMLElement} */ (form.querySelector('[role=status]'));
  const list = /** @type {HTMLElement} */ (form.querySelector('ul'));
  let turn = 0, timer = 0;

  /** @param {string} text */
  const say = (text) => { said.textContent = text; };
  const close = () => { list.hidden = true; list.replaceChildren(); };

  /** @param {any[]} places */
  function offer(places) {
    list.hidden = !places.length;
    list.replaceChildren(...places.map((place) => el('li', {}, el('button', { type: 'button', click: () => { close(); box.value = place.name; go(place); } },
      `${place.name}, ${place.country}`))));
  }

  /** @param {{latitude: number, longitude: number}} place */
  const go = (place) => { say(''); found.point(place.latitude, place.longitude, CITY_KM); };

  /** @param {string} id @returns {Promise<string|null>} the sensor's id, whichever of the two it is */
  async function sensorOf(id) {
    const known = found.knows(id);
    if (known) return known;
    for (const path of [`sensors/${id}`, `records/${id}`]) {
      const answer = await ask(path).catch((error) => {
        if (error instanceof Refused && [400, 404].includes(error.status)) return null;
        throw error;
      });
      if (answer?.sensor_id) return String(answer.sensor_id);
    }
    return null;
  }

  /** @type {Record<string, (what: any) => Promise<void>>} */
  const ANSWERS = {
    nothing: async () => say('Type a sensor\'s number, a city, or LAT,LON.'),
    odd: async () => say('This is neither a number nor LAT,LON: write 48.78,9.18, with points, up to 90 north and 180 east; a minus is south or west.'),
    point: async ({ lat, lon }) => found.point(lat, lon, POINT_KM),
    id: async ({ id }) => {
      const mine = ++turn, sensor = await sensorOf(id);
      if (mine !== turn) return;
      if (sensor) found.sensor(sensor);
      else say(`No sensor and no record here has the number ${id}. Sensors that measure no dust (temperature, noise) are not here.`);
    },
    city: async ({ name }) => {
      const mine = ++turn, { places } = await ask(`places?q=${encodeURIComponent(name)}`);
      if (mine !== turn) return;
      if (places.length === 1 || places[0]?.name.toLowerCase() === name.toLowerCase()) go(places[0]);
      else if (places.length) offer(places);
      else say('No city of 50,000 or more is called so. Type a larger one near it, or LAT,LON.');
    },
  };

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    clearTimeout(timer);
    close();
    say('');
    const what = sought(box.value);
    await ANSWERS[what.kind](what).catch((/** @type {Error} */ error) =>
      say(`This cannot be found now: ${saying(error)}.`));
  });
  box.addEventListener('input', () => {
    clearTimeout(timer);
    say('');
    const what = sought(box.value), mine = ++turn;
    if (what.kind !== 'city' || what.name.length < 2) return close();
    timer = setTimeout(async () => {
      const answer = await ask(`places?q=${encodeURIComponent(what.name)}`).catch((error) => say(`Cities cannot be offered now: ${saying(error)}.`));
      if (answer && mine === turn) offer(answer.places);
    }, 200);
  });
  form.addEventListener('keydown', (event) => {
    const all = [box, ...list.querySelectorAll('button')], at = all.indexOf(/** @type {any} */ (document.activeElement));
    if (event.key === 'Escape') { close(); box.focus(); }
    else if (event.key === 'ArrowDown' && at < all.length - 1) all[at + 1].focus();
    else if (event.key === 'ArrowUp' && at > 0) all[at - 1].focus();
    else return;
    event.preventDefault();
  });
  form.addEventListener('focusout', (event) => { if (!form.contains(/** @type {Node} */ (event.relatedTarget))) close(); });
  nearMe(/** @type {HTMLButtonElement} */ (form.querySelector('[data-near]')), say, found);
}

/** @param {HTMLButtonElement} button @param {(text: string) => void} say @param {Found} found */
function nearMe(button, say, found) {
  button.addEventListener('click', () => {
    if (!isSecureContext || !navigator.geolocation) {
      return say('Browsers tell a page where you are only over https. Type a city or LAT,LON instead.');
    }
    say('Asking your browser where you are. It goes to this service alone, as the middle of an area, to about 100 m.');
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => { say(''); found.point(Number(coords.latitude.toFixed(3)), Number(coords.longitude.toFixed(3)), POINT_KM); },
      (error) => say(`Your browser gave no place (${error.code === 1 ? 'it is not allowed to' : 'it does not know'}). Type a city or LAT,LON instead.`),
      { maximumAge: 600_000, timeout: 20_000 },
    );
  });
}
