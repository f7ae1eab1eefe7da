// @ts-check
/** The page with the map: wires its parts, and decides nothing that they can. */
import { format, MOST_SENSORS, parse } from './address.js';
import { chosenIn, countryOptions, fill, offer, showLegend, themeSwitch, wordsIn } from './controls.js';
import { el, the } from './dom.js';
import { ask, EVERY_MS, file, latest, Refused, saying, serviceNow as now } from './feed.js';
import { counted, digits, fogWords, sift } from './filters.js';
import { groundLayer, namesLayer, readCities, readGround } from './ground.js';
import { LAST_CELLS, sensorLayer } from './layer.js';
import { kilometres, line, nearest, showList } from './list.js';
import { bandsOf, marksOf } from './marks.js';
import { rejectsLayer } from './rejects.js';
import { askable, scales } from './scales.js';
import { CITY_KM, searchBox } from './search.js';
import { ageWords, OLD_MS, showBanners, tick, timeOf } from './state.js';
import { shortName } from './words.js';

const L = /** @type {typeof import('leaflet')} */ (/** @type {any} */ (globalThis).L);
const RETRY_MS = 15_000, NEAR_ZOOM = 12, WIDE = 832;

const form = /** @type {HTMLFormElement} */ (the('choice'));
const css = (/** @type {string} */ name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** @type {import('./feed.js').Sensors|null} */ let data = null;
/** @type {Record<string, any>} */ let all = {};
/** @type {import('./address.js').View} */ let view = { chosen: {}, wrong: [] };
/** What of the address the form does not have. @type {string[]} */ let unknown = [];
/** @type {number[]} */ let shown = [];
/** @type {number[]} */ let order = [];
/** @type {import('./ground.js').Ground|null} */ let ground = null;
/** @type {import('./ground.js').City[]} */ let cities = [];
/** @type {Record<string, number>|null} */ let warnings = null;
/** What could not be had, and why. @type {Map<string, string>} */ const missing = new Map();
/** @type {any} */ let rejects = null;
/** @type {any} */ let settings = null;
let error = '', status = 200, heard = 0, placed = false, furnishing = false, steady = false, moved = false;
let stop = new AbortController(), asking = new AbortController();

const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
const map = L.map('map', {
  attributionControl: false, zoomControl: true, zoomAnimation: !still, fadeAnimation: false, inertia: !still, markerZoomAnimation: false,
  minZoom: Math.max(1, Math.ceil(Math.log2(innerWidth / 256))), maxZoom: 18, maxBounds: [[-85, -180], [85, 180]], maxBoundsViscosity: 1,
}).setView([30, 5], 3);
const layer = sensorLayer(L), lower = groundLayer(L, () => ground), names = namesLayer(L, () => cities), around = L.layerGroup();
for (const each of [lower, layer, names, around]) map.addLayer(each);
L.control.scale({ imperial: false, position: 'bottomright' }).addTo(map);
const tip = L.tooltip({ className: 'tip', direction: 'top', offset: [0, -8] });

const scale = () => all[data?.scale ?? ''] ?? null;

/** Ask for the sensors, and for what they need; who asks again gives up what was asked before. */
async function load() {
  asking.abort();
  asking = new AbortController();
  heard = Infinity; // what is asked for is not asked for again meanwhile
  const { signal } = asking;
  let isNew = false;
  try {
    const wanted = await askable(view.chosen.scale), known = data?.asked === wanted ? data?.etag : undefined;
    const [scalesNow, found] = await Promise.all([scales(), latest(wanted, known, signal)]);
    if (signal.aborted) return;
    [all, error, status, isNew] = [scalesNow, '', 200, found !== null];
    if (found) take(found);
    else if ((view.sensors ?? view.area) && !the('panel').querySelector('h2')) open();
  } catch (caught) {
    if (signal.aborted) return;
    [error, status] = [String(/** @type {Error} */ (caught).message), caught instanceof Refused ? caught.status : 0];
    if (!(caught instanceof Refused || caught instanceof TypeError || caught instanceof DOMException)) console.error(caught);
  }
  heard = performance.now();
  say();
  if (error && status !== 503) return;
  await Promise.all([furnish(), showRejects(isNew), having('how the last load went', async () => { warnings = (await ask('snapshot', signal)).report?.warnings ?? {}; })]);
}

/** Get what the page can be without; what fails is said, until it comes. @param {string} what @param {() => Promise<void>} get */
async function having(what, get) {
  try {
    await get();
    missing.delete(what);
  } catch (caught) {
    if (/** @type {Error} */ (caught).name !== 'AbortError') missing.set(what, saying(caught));
  }
  say();
}

/** Say how old all is; ask again, if the page is seen and the last answer is old enough, or has gaps. */
function seen() {
  say();
  if (document.visibilityState === 'visible' && performance.now() - heard >= (error || missing.size ? RETRY_MS : EVERY_MS) - 1000) load();
}

/** @param {import('./feed.js').Sensors} found */
function take(found) {
  data = found;
  offer(form, 'scale', Object.values(all).filter((each) => each.may_be_asked).map((each) => [each.name, each.title]));
  offer(form, 'band', scale().bands.map((/** @type {any} */ band) => [band.name, band.name]));
  offer(form, 'country', countryOptions(data.columns.country));
  unknown = fill(form, view.chosen);
  redraw();
  if (placed) open();
  else apply();
  placed = true;
}

/** Choose what shows, and draw it. */
function redraw() {
  if (!data) return;
  const chosen = chosenIn(form), bandAt = bandsOf(data.columns, chosen, scale());
  document.documentElement.dataset.palette = chosen.palette;
  const sifted = sift(data.columns, chosen, bandAt);
  shown = sifted.shown;
  const made = marksOf(data.columns, shown, chosen, scale(), chosen.palette, css);
  order = made.order;
  layer.show(made.marks);
  the('count').textContent = counted(shown.length, sifted.left);
  showLegend(the('scale-name'), the('bands'), scale(), chosen);
  list();
}

function list() {
  if (!data) return;
  const { latitude, longitude } = data.columns, bounds = map.getBounds();
  the('damp').textContent = fogWords(data.columns, shown.filter((at) => bounds.contains([Number(latitude[at]), Number(longitude[at])])));
  if (!the('nearby').open) return;
  const found = nearest(data.columns, shown, view.middle && !moved ? L.latLng(view.middle.lat, view.middle.lon) : map.getCenter());
  the('listed').textContent = `The ${found.length} nearest to the middle of the map, of ${digits(shown.length)} that show:`;
  showList(the('list'), data.columns, found, shortName(data.scale), (id) => choose({ sensors: [id] }));
}

/** Say what must be said of the data and of the service. */
function say() {
  const count = data?.count ?? 0, newest = data?.newest ?? null;
  showBanners(the('banners'), { newest, now: now(), count, error, status, warnings, hasData: data !== null, missing, wrong: [...view.wrong, ...unknown] });
  tick();
  the('map').classList.toggle('is-old', error !== '' || (data !== null && now() - timeOf(newest) > OLD_MS));
  if (data?.newest) the('age').textContent = `Newest measurement: ${ageWords(now() - timeOf(newest))} (${String(newest).replace('T', ' ').slice(0, 16)} UTC).`;
  if (!data) the('count').textContent = error ? 'No sensors to show yet' : 'Loading…';
}

/** Put the map where most sensors are. */
function fit() {
  if (!data || !shown.length) return;
  const middle = (/** @type {(number|null)[]} */ column) => {
    const sorted = shown.map((at) => Number(column[at])).sort((a, b) => a - b);
    return [sorted[Math.floor(sorted.length * 0.05)], sorted[Math.floor(sorted.length * 0.95)]];
  };
  const [[south, north], [west, east]] = [middle(data.columns.latitude), middle(data.columns.longitude)];
  map.fitBounds([[south, west], [north, east]], { animate: false, maxZoom: 10 });
}

/** Move the map otherwise than by hand: the address stays as it was given. @param {() => void} move without animation */
function steadily(move) {
  steady = true;
  move();
  steady = false;
}

/** Show what the address says. */
function apply() {
  moved = false;
  open();
  steadily(go);
}

/** Move the map to what the view names: into the part that a phone's sheet leaves free. */
function go() {
  const { middle, sensors, area } = view, size = map.getSize();
  if (middle) map.setView([middle.lat, middle.lon], middle.zoom, { animate: false });
  const point = sensors ? pointOf(sensors[0]) : area ? L.latLng(area.lat, area.lon) : null;
  if (!point) return middle || fit();
  const sheet = the('chosen').getBoundingClientRect(), isSheet = getComputedStyle(the('chosen')).position === 'fixed' && sheet.height;
  const covered = isSheet ? Math.min(size.y - 80, Math.max(0, the('map').getBoundingClientRect().bottom - sheet.top)) : 0;
  const free = L.latLngBounds(map.containerPointToLatLng([0, size.y - covered]), map.containerPointToLatLng([size.x, 0]));
  const wanted = point.toBounds(area ? area.km * 2000 : 100), maxZoom = area ? 13 : Math.max(map.getZoom(), NEAR_ZOOM);
  if (free.pad(-0.2).contains(wanted) && map.getZoom() > LAST_CELLS) return;
  map.fitBounds(wanted, { animate: false, maxZoom, paddingBottomRight: [0, covered] });
}

/** @param {string} id @returns {L.LatLng|null} */
function pointOf(id) {
  const at = data?.columns.sensor_id.indexOf(id) ?? -1, [lat, lon] = [data?.columns.latitude[at] ?? null, data?.columns.longitude[at] ?? null];
  return lat === null || lon === null ? null : L.latLng(lat, lon);
}

/** Fill the panel with the sensors or the area that the view names, or close it. */
async function open() {
  stop.abort();
  stop = new AbortController();
  const { sensors, area } = view, panel = the('panel'), { signal } = stop;
  the('chosen').hidden = !sensors && !area;
  the('compare').hidden = !sensors;
  the('told').textContent = '';
  around.clearLayers();
  const ring = { color: css('--accent'), weight: 3, fill: false, interactive: false };
  for (const point of (sensors ?? []).map(pointOf)) if (point) around.addLayer(L.circleMarker(point, { ...ring, radius: 14 }));
  if (area) around.addLayer(L.circle([area.lat, area.lon], { ...ring, weight: 2, radius: area.km * 1000 }));
  if (!sensors && !area) return panel.replaceChildren();
  try {
    const on = await askable(view.chosen.scale);
    if (sensors) await (await import('./sensor.js')).showSensor(panel, sensors, on, signal);
    else if (area) await (await import('./area.js')).showArea(panel, area, on, signal);
  } catch (caught) {
    if (!signal.aborted) panel.textContent = `This cannot be shown now: ${saying(caught)}.`;
  }
}

/** Go to another view, as a step that "back" takes back. @param {{sensors?: string[], area?: import('./address.js').Area}} to */
function choose(to, focus = true) {
  const isAdded = the('compare').getAttribute('aria-pressed') === 'true' && to.sensors && view.sensors;
  const both = isAdded ? [...new Set([...(view.sensors ?? []), ...(to.sensors ?? [])])] : to.sensors, sensors = both?.slice(0, MOST_SENSORS);
  view = { sensors, area: to.area, chosen: view.chosen, wrong: [] };
  if (!sensors && !to.area) view.middle = middleNow();
  the('compare').setAttribute('aria-pressed', 'false');
  history.pushState(null, '', format(view));
  apply();
  if (both && both.length > MOST_SENSORS) tell(`Only ${MOST_SENSORS} are shown together: sensor ${both[MOST_SENSORS]} was left out.`);
  if (focus && (sensors || to.area)) the('panel').focus({ preventScroll: innerWidth > WIDE });
}

/** @returns {import('./address.js').Middle} */
const middleNow = () => ({ lat: map.getCenter().lat, lon: map.getCenter().lng, zoom: map.getZoom() });

/** @param {{x: number, y: number}} point in the map @returns {number[]} positions of the sensors that are drawn there */
const hitAt = (point) => layer.hit(point).map((/** @type {number} */ at) => order[at]);

/** @param {any} event a click on the map */
function clicked({ containerPoint, latlng }) {
  const hit = hitAt(containerPoint), city = names.hit(containerPoint);
  if (data && hit.length === 1 && !(city && map.getZoom() <= LAST_CELLS)) return choose({ sensors: [data.columns.sensor_id[hit[0]]] }, false);
  if (city) return choose({ area: { lat: city.lat, lon: city.lon, km: CITY_KM } }, false);
  const edge = map.containerPointToLatLng(containerPoint.add([map.getZoom() > LAST_CELLS ? 60 : 10, 0]));
  const km = Math.min(100, Math.max(1, kilometres(latlng.lat, latlng.lng, edge.lat, edge.lng)));
  choose({ area: { lat: latlng.lat, lon: L.latLng(latlng).wrap().lng, km: Number(km.toFixed(1)) } }, false);
}

/** @param {any} event the pointer moves over the map */
function hovered({ containerPoint, latlng }) {
  const hit = hitAt(containerPoint);
  the('map').classList.toggle('is-on', hit.length > 0 || names.hit(containerPoint));
  if (!data || !hit.length) return void tip.remove();
  const text = hit.length === 1 ? `Sensor ${data.columns.sensor_id[hit[0]]}: ${line(data.columns, hit[0], shortName(data.scale))}` : `${hit.length} sensors: click for the area around here`;
  tip.setLatLng(latlng).setContent(el('span', {}, text)).addTo(map);
}

/** Something was chosen in the form: what it changes of the address, and the picture. */
async function changed() {
  const { scale: on, second } = view.chosen, chosen = wordsIn(form), isScale = chosen.scale !== on;
  if (isScale) delete chosen.band; // it has others
  view.chosen = chosen;
  inAddress();
  if (isScale) await load();
  redraw();
  if (isScale || chosen.second !== second) open();
  showRejects(false);
}

/** The address says what shows, and nothing else. */
function inAddress() {
  view.wrong = unknown = [];
  history.replaceState(null, '', format(view));
  say();
}

/** Show the rejected measurements, or do not. @param {boolean} anew ask for them again */
async function showRejects(anew) {
  const wanted = () => chosenIn(form).rejects, what = 'rejected measurements';
  if (!wanted() || anew) rejects?.remove();
  if (!wanted() && missing.delete(what)) say();
  if (wanted() && (anew || !rejects)) await having(what, async () => { rejects?.remove(); rejects = null; rejects = await rejectsLayer(L); });
  if (wanted()) rejects?.addTo(map);
}

const tell = (/** @type {string} */ text) => { the('told').textContent = text; };

map.on('click', clicked).on('mousemove', hovered).on('mouseout', () => tip.remove()).on('moveend', () => {
  list();
  moved ||= !steady;
  if (steady || view.sensors || view.area) return;
  view.middle = middleNow();
  inAddress();
});
const reshaped = new ResizeObserver(() => steadily(() => { map.invalidateSize({ animate: false }); if (!moved) go(); }));
for (const id of ['map', 'banners']) reshaped.observe(the(id));
addEventListener('popstate', fromAddress);
document.addEventListener('visibilitychange', seen);
addEventListener('online', load);
form.addEventListener('change', changed);
form.addEventListener('reset', () => setTimeout(changed));
the('nearby').addEventListener('toggle', list);
the('skip').addEventListener('click', () => { the('nearby').open = true; the('nearby').querySelector('summary').focus(); });
const close = () => { choose({}); the('map').focus({ preventScroll: true }); };
the('close').addEventListener('click', close);
addEventListener('keydown', ({ key, defaultPrevented }) => { if (key === 'Escape' && !defaultPrevented && !the('chosen').hidden) close(); });
the('compare').addEventListener('click', () => {
  const on = the('compare').getAttribute('aria-pressed') !== 'true';
  the('compare').setAttribute('aria-pressed', String(on));
  tell(on ? `Choose another sensor on the map, in the list, or by its number: up to ${MOST_SENSORS} are shown together.` : '');
});
for (const id of ['copy', 'copy-view']) the(id).addEventListener('click', async () => {
  await navigator.clipboard?.writeText(location.href).then(() => tell('The link is copied.')).catch(() => tell('Copy the address above.'));
  if (!navigator.clipboard) tell('Copy the address above: browsers let a page copy only over https.');
});
themeSwitch(the('theme'), () => { lower.redraw(); names.draw(); redraw(); open(); });
searchBox(the('search'), {
  sensor: (id) => choose({ sensors: [id] }),
  point: (lat, lon, km) => choose({ area: { lat, lon, km } }),
  knows: (id) => (data?.columns.sensor_id.includes(id) ? id : data?.columns.sensor_id[data.columns.id.indexOf(id)] ?? null),
});
setInterval(seen, RETRY_MS);

/** Take over what the address says of scale and colours, too. */
async function fromAddress() {
  view = parse(location.hash);
  unknown = [];
  if (!data) return steadily(go);
  if (await askable(view.chosen.scale) !== data.asked) await load();
  unknown = fill(form, view.chosen);
  redraw();
  apply();
  say();
  showRejects(false);
}

/** Fetch what lies below the sensors, or what of it is not here yet. */
async function furnish() {
  if (furnishing || (ground && settings && cities.length)) return;
  furnishing = true;
  if (!ground) await having('coast and borders', async () => { ground = readGround(await (await file('/page/ground.bin')).arrayBuffer()); lower.redraw(); });
  if (!settings) await having('settings', async () => { settings = await (await file('/page/settings.json')).json(); if (settings.tiles) streets(settings.tiles); });
  if (!cities.length) await having('names of cities', async () => { cities = readCities(await (await file('/page/cities.bin')).arrayBuffer()); names.draw(); });
  furnishing = false;
}

/** @param {{url: string, attribution: string, origin: string}} tiles */
function streets({ url, attribution, origin }) {
  const credit = (also = '') => { the('tiles').textContent = `Street map: ${attribution}; your browser asks ${origin} for it.${also}`; };
  credit();
  map.addLayer(L.tileLayer(url, { maxZoom: 19, zIndex: 5 }).on('loading', () => credit()).on('tileerror', () => credit(' Parts of it do not come now.')));
  map.removeLayer(names);
}

the('nearby').open = innerWidth > WIDE;
fromAddress();
load();
furnish();
