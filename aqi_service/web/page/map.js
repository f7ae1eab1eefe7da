// @ts-check
/** The page with the map: wires its parts, and decides nothing that they can. */
import { format, MOST_SENSORS, parse } from './address.js';
import { chosenIn, countryOptions, offer, showLegend, themeSwitch } from './controls.js';
import { el } from './dom.js';
import { ask, EVERY_MS, file, latest, Refused, serviceNow as now } from './feed.js';
import { counted, fogWords, sift } from './filters.js';
import { groundLayer, namesLayer, readCities, readGround } from './ground.js';
import { LAST_CELLS, sensorLayer } from './layer.js';
import { kilometres, line, nearest, showList } from './list.js';
import { bandsOf, marksOf } from './marks.js';
import { rejectsLayer } from './rejects.js';
import { paletteNow, scales } from './scales.js';
import { CITY_KM, searchBox } from './search.js';
import { ageWords, banners, OLD_MS, showBanners, tick, timeOf } from './state.js';
import { shortName } from './words.js';

const L = /** @type {typeof import('leaflet')} */ (/** @type {any} */ (globalThis).L);
const RETRY_MS = 15_000, TICK_MS = 60_000, NEAR_ZOOM = 12, WIDE = 832;

/** @param {string} id @returns {any} */
const the = (id) => document.getElementById(id);
const form = /** @type {HTMLFormElement} */ (the('choice'));
const css = (/** @type {string} */ name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** @type {import('./feed.js').Sensors|null} */ let data = null;
/** @type {Record<string, any>} */ let all = {};
/** @type {import('./address.js').View} */ let view = {};
/** @type {number[]} */ let shown = [];
/** @type {number[]} */ let order = [];
/** @type {import('./ground.js').Ground|null} */ let ground = null;
/** @type {import('./ground.js').City[]} */ let cities = [];
/** @type {Record<string, number>} */ let warnings = {};
/** @type {any} */ let rejects = null;
let error = '', status = 200, heard = 0, timer = 0, own = '', placed = false, furnishing = false, steady = false, moved = false;
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
  const wanted = view.scale ?? null, { signal } = asking;
  try {
    const known = data && (!wanted || data.scale === wanted) ? data.etag : undefined;
    const [scalesNow, found] = await Promise.all([scales(), latest(wanted, known, signal)]);
    if (signal.aborted) return;
    [all, error, status, heard] = [scalesNow, '', 200, performance.now()];
    if (found) take(found);
    else if ((view.sensors ?? view.area) && !the('panel').querySelector('h2')) open();
  } catch (caught) {
    if (signal.aborted) return;
    [error, status] = [String(/** @type {Error} */ (caught).message), caught instanceof Refused ? caught.status : 0];
    if (!(caught instanceof Refused || caught instanceof TypeError || caught instanceof DOMException)) console.error(caught);
  }
  clearTimeout(timer);
  timer = setTimeout(seen, error ? RETRY_MS : EVERY_MS);
  say();
  if (!error) await Promise.allSettled([ground && cities.length ? null : furnish(), ask('snapshot', signal).then(({ report }) => { warnings = report?.warnings ?? {}; say(); })]);
}

/** Ask again, if the page is seen and the last answer is old enough. */
function seen() {
  if (document.visibilityState === 'visible' && (error || performance.now() - heard >= EVERY_MS - 1000)) load();
}

/** @param {import('./feed.js').Sensors} found */
function take(found) {
  data = found;
  if (!view.scale) own = found.scale;
  offer(form, 'scale', Object.values(all).filter((each) => each.may_be_asked || each.name === data?.scale).map((each) => [each.name, each.title]));
  /** @type {any} */ (form.elements.namedItem('scale')).value = data.scale;
  offer(form, 'band', scale().bands.map((/** @type {any} */ band) => [band.name, band.name]));
  offer(form, 'country', countryOptions(data.columns.country));
  redraw();
  if (placed) open();
  else apply();
  placed = true;
  showRejects(true);
}

/** Choose what shows, and draw it. */
function redraw() {
  if (!data) return;
  const chosen = chosenIn(form), bandAt = bandsOf(data.columns, chosen, scale());
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
  the('listed').textContent = `The ${found.length} nearest to the middle of the map, of ${shown.length} that show:`;
  showList(the('list'), data.columns, found, shortName(data.scale), (id) => choose({ sensors: [id] }));
}

/** Say what must be said of the data and of the service. */
function say() {
  const count = data?.count ?? 0, newest = data?.newest ?? null;
  showBanners(the('banners'), banners({ newest, now: now(), count, error, status, warnings, hasData: data !== null }));
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
  const at = data ? data.columns.sensor_id.indexOf(id) : -1;
  const [lat, lon] = [data?.columns.latitude[at] ?? null, data?.columns.longitude[at] ?? null];
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
    if (sensors) await (await import('./sensor.js')).showSensor(panel, sensors, view.scale ?? null, signal);
    else if (area) await (await import('./area.js')).showArea(panel, area, view.scale ?? null, signal);
  } catch (caught) {
    if (!signal.aborted) panel.textContent = `This cannot be shown now: ${caught instanceof TypeError ? 'the service cannot be reached.' : /** @type {Error} */ (caught).message}`;
  }
}

/** Go to another view, as a step that "back" takes back. @param {{sensors?: string[], area?: import('./address.js').Area}} to */
function choose(to, focus = true) {
  const { scale: on, show } = view;
  const isAdded = the('compare').getAttribute('aria-pressed') === 'true' && to.sensors && view.sensors;
  const both = isAdded ? [...new Set([...(view.sensors ?? []), ...(to.sensors ?? [])])] : to.sensors, sensors = both?.slice(0, MOST_SENSORS);
  view = { sensors, area: to.area, scale: on, show };
  if (!sensors && !to.area) view.middle = middleNow();
  the('compare').setAttribute('aria-pressed', 'false');
  history.pushState(null, '', format(view));
  apply();
  if (both && both.length > MOST_SENSORS) tell(`Only ${MOST_SENSORS} are shown together: sensor ${both[MOST_SENSORS]} was left out.`);
  if (focus && (sensors || to.area)) the('panel').focus({ preventScroll: innerWidth > WIDE });
}

/** @returns {import('./address.js').Middle} */
function middleNow() {
  const { lat, lng } = map.getCenter();
  return { lat, lon: lng, zoom: map.getZoom() };
}

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
  const { show, scale: on, palette } = chosenIn(form), isOther = palette !== paletteNow();
  const isScale = data !== null && on !== (view.scale ?? data.scale);
  document.documentElement.dataset.palette = palette;
  view = { ...view, show: show === 'index' ? undefined : show, scale: isScale ? on : view.scale };
  history.replaceState(null, '', format(view));
  if (isScale) {
    await load();
    open();
  } else if (isOther) open();
  redraw();
  showRejects(false);
}

/** Show the rejected measurements, or do not. @param {boolean} anew ask for them again */
async function showRejects(anew) {
  const { rejects: wanted } = chosenIn(form);
  if (!wanted || anew) rejects?.remove();
  if (wanted && (anew || !rejects)) rejects = await rejectsLayer(L).catch(() => null);
  if (wanted) rejects?.addTo(map);
}

const tell = (/** @type {string} */ text) => { the('told').textContent = text; };

map.on('click', clicked).on('mousemove', hovered).on('mouseout', () => tip.remove()).on('moveend', () => {
  list();
  moved ||= !steady;
  if (steady || view.sensors || view.area) return;
  view.middle = middleNow();
  history.replaceState(null, '', format(view));
});
const reshaped = new ResizeObserver(() => steadily(() => { map.invalidateSize({ animate: false }); if (!moved) go(); }));
for (const id of ['map', 'banners']) reshaped.observe(the(id));
addEventListener('popstate', fromAddress);
document.addEventListener('visibilitychange', seen);
addEventListener('online', seen);
form.addEventListener('change', changed);
form.addEventListener('reset', () => setTimeout(changed));
the('nearby').addEventListener('toggle', list);
the('skip').addEventListener('click', () => { the('nearby').open = true; the('nearby').querySelector('summary').focus(); });
const close = () => { choose({}); the('map').focus({ preventScroll: true }); };
the('close').addEventListener('click', close);
the('chosen').addEventListener('keydown', (/** @type {KeyboardEvent} */ { key }) => { if (key === 'Escape') close(); });
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
setInterval(say, TICK_MS);

/** Take over what the address says of scale and colours, too. */
async function fromAddress() {
  view = parse(location.hash);
  /** @type {any} */ (form.elements.namedItem('show')).value = view.show ?? 'index';
  if (!data) return steadily(go);
  if ((view.scale ?? own) !== data.scale) await load();
  redraw();
  apply();
}

/** Fetch what lies below the sensors, or what of it is not here yet: what fails comes with the next load. */
async function furnish() {
  if (furnishing) return;
  furnishing = true;
  try {
    if (!ground) ground = readGround(await (await file('ground.bin')).arrayBuffer());
    lower.redraw();
    const { tiles } = await (await file('settings.json')).json();
    if (tiles && !the('tiles').textContent) streets(tiles);
    if (!cities.length) cities = readCities(await (await file('cities.bin')).arrayBuffer());
    names.draw();
  } finally {
    furnishing = false;
  }
}

/** @param {{url: string, attribution: string, origin: string}} tiles */
function streets({ url, attribution, origin }) {
  map.addLayer(L.tileLayer(url, { maxZoom: 19, zIndex: 5 }));
  map.removeLayer(names);
  the('tiles').textContent = `Street map: ${attribution}; your browser asks ${origin} for it.`;
}

the('nearby').open = innerWidth > WIDE;
fromAddress();
load();
furnish().catch(() => { /* it comes with the next load */ });
