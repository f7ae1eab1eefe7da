// @ts-check
/** What lies below the sensors: coast, borders and names of cities, out of files of this service. */

/** Units of ground.bin to a degree (tools/ground.py). */
const UNITS = 64;
const LIMIT = 85.0511;

/**
 * @typedef {{x: Float32Array, y: Float32Array, isBorder: boolean}} Arc in pixels of the world at zoom 0
 * @typedef {{arcs: number[], box: number[]}} Ring
 * @typedef {{arcs: Arc[], rings: Ring[]}} Ground
 * @typedef {{name: string, lat: number, lon: number}} City
 */

/** Read ground.bin. @param {ArrayBuffer} data @returns {Ground} */
export function readGround(data) {
  const bytes = new Uint8Array(data);
  let at = 0;
  const number = () => {
    let value = 0, factor = 1;
    for (; bytes[at] & 128; factor *= 128) value += (bytes[at++] & 127) * factor;
    return value + bytes[at++] * factor;
  };
  const signed = () => { const value = number(); return value % 2 ? -(value + 1) / 2 : value / 2; };
  const many = (/** @type {() => any} */ make, length = number()) => Array.from({ length }, make);
  /** @type {number[]} */
  const counts = many(number);
  const column = () => {
    let first = 0;
    const firsts = counts.map(() => (first += signed()));
    return counts.map((count, arc) => [firsts[arc] / UNITS, ...many(() => (firsts[arc] += signed()) / UNITS, count - 1)]);
  };
  const easts = column(), norths = column();
  /** @type {Arc[]} */
  const arcs = counts.map((_, arc) => ({ x: Float32Array.from(easts[arc], (x) => (x / 360) * 256), y: Float32Array.from(norths[arc], (y) => northing(y - 90)), isBorder: false }));
  const used = new Uint8Array(arcs.length);
  const rings = many(() => {
    const ring = many(signed), box = [Infinity, Infinity, -Infinity, -Infinity];
    for (const arc of ring.map((each) => (each < 0 ? ~each : each))) {
      if (used[arc]++) arcs[arc].isBorder = true;
      for (const x of arcs[arc].x) [box[0], box[2]] = [Math.min(box[0], x), Math.max(box[2], x)];
      for (const y of arcs[arc].y) [box[1], box[3]] = [Math.min(box[1], y), Math.max(box[3], y)];
    }
    return { arcs: ring, box };
  });
  return { arcs, rings };
}

/** @param {number} lat @returns {number} pixels from the top of the world at zoom 0 (Mercator) */
export function northing(lat) {
  const sine = Math.sin((Math.max(-LIMIT, Math.min(LIMIT, lat)) * Math.PI) / 180);
  return 128 - (Math.log((1 + sine) / (1 - sine)) * 64) / Math.PI;
}

/** The latitude of such a northing. @param {number} y */
export const latitudeAt = (y) => (Math.atan(Math.sinh((1 - y / 128) * Math.PI)) * 180) / Math.PI;

const STEPS = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002], NET_PX = 120;
/** From this zoom on there is a net of degrees, since coasts and borders are far apart. */
export const NET_FROM = 8;

/** Where the lines of the net are: multiples of a step, with lines NET_PX apart or more. @param {number} zoom @param {number} from degrees @param {number} to */
export function net(zoom, from, to) {
  const step = STEPS.findLast((each) => (each / 360) * 256 * 2 ** zoom >= NET_PX) ?? STEPS[0], first = Math.ceil(from / step);
  return zoom < NET_FROM ? [] : Array.from({ length: Math.max(0, Math.floor(to / step) - first + 1) }, (_, at) => Number(((first + at) * step).toFixed(3)));
}

/** @param {number} lon @returns {number} pixels from the left of the world at zoom 0 */
export const easting = (lon) => ((lon + 180) / 360) * 256;

/** Read cities.bin (tools/ground.py), the largest first. @param {ArrayBuffer} data @returns {City[]} */
export function readCities(data) {
  const all = new Uint8Array(data), end = all.indexOf(0), view = new DataView(data);
  const names = new TextDecoder().decode(all.subarray(0, end)).split('\n');
  const at = (/** @type {number} */ place) => view.getUint16(end + 1 + 2 * place, true) / 100;
  return names.map((name, place) => ({ name, lat: at(place) - 90, lon: at(names.length + place) - 180 }));
}

/**
 * @param {typeof import('leaflet')} L @param {() => Ground|null} ground
 * @returns {any} a layer of tiles drawn here
 */
export function groundLayer(L, ground) {
  const Layer = /** @type {any} */ (L.GridLayer.extend({
    /** @param {{x: number, y: number, z: number}} tile */
    createTile(tile) {
      const canvas = L.DomUtil.create('canvas', 'leaflet-tile'), { x: side } = this.getTileSize();
      const dpr = Math.min(2, devicePixelRatio || 1);
      canvas.width = canvas.height = side * dpr;
      const found = ground(), context = canvas.getContext('2d');
      if (found && context) drawTile(context, found, tile, side * dpr, dpr);
      return canvas;
    },
  }));
  return new Layer({ tileSize: 512, noWrap: true, className: 'ground', keepBuffer: 1, updateWhenZooming: false, pane: 'tilePane' });
}

/**
 * @param {CanvasRenderingContext2D} context @param {Ground} ground @param {{x: number, y: number, z: number}} tile
 * @param {number} side @param {number} dpr
 */
function drawTile(context, ground, tile, side, dpr) {
  const style = getComputedStyle(document.documentElement), scale = 2 ** tile.z * dpr;
  const [west, north] = [tile.x * side, tile.y * side];
  /** @param {Arc} arc @param {boolean} back @param {boolean} isFirst @param {boolean} [isSeen] not the 180th meridian */
  const line = (arc, back, isFirst, isSeen) => {
    let [fromX, fromY] = [NaN, NaN];
    for (let step = 0; step < arc.x.length; step++) {
      const at = back ? arc.x.length - 1 - step : step;
      const x = arc.x[at] * scale - west, y = arc.y[at] * scale - north;
      if (step && step < arc.x.length - 1 && Math.abs(x - fromX) + Math.abs(y - fromY) < dpr) continue;
      if ((!step && isFirst) || (isSeen && (arc.x[at] < 0.01 || arc.x[at] > 255.99))) context.moveTo(x, y);
      else context.lineTo(x, y);
      [fromX, fromY] = [x, y];
    }
  };
  const near = ground.rings.filter(({ box: [left, top, right, bottom] }) =>
    right * scale > west - 4 && left * scale < west + side + 4 && bottom * scale > north - 4 && top * scale < north + side + 4);
  context.fillStyle = style.getPropertyValue('--land');
  for (const ring of near) {
    context.beginPath();
    ring.arcs.forEach((arc, at) => line(ground.arcs[arc < 0 ? ~arc : arc], arc < 0, !at));
    context.fill('evenodd');
  }
  const lines = new Path2D(), [top, bottom] = [latitudeAt(north / scale), latitudeAt((north + side) / scale)];
  for (const lon of net(tile.z, (west / scale / 256) * 360 - 180, ((west + side) / scale / 256) * 360 - 180)) lines.rect(easting(lon) * scale - west, -dpr, 0, side + 2 * dpr);
  for (const lat of net(tile.z, bottom, top)) lines.rect(-dpr, northing(lat) * scale - north, side + 2 * dpr, 0);
  Object.assign(context, { strokeStyle: style.getPropertyValue('--net'), lineWidth: dpr }).stroke(lines);
  const arcs = new Set(near.flatMap((ring) => ring.arcs.map((arc) => (arc < 0 ? ~arc : arc))));
  for (const [isBorder, colour, width] of [[false, '--coast', 1], [true, '--border', 1.2]]) {
    Object.assign(context, { strokeStyle: style.getPropertyValue(String(colour)), lineWidth: Number(width) * dpr }).beginPath();
    for (const arc of arcs) if (ground.arcs[arc].isBorder === isBorder) line(ground.arcs[arc], false, true, true);
    context.stroke();
  }
}

/**
 * @param {typeof import('leaflet')} L @param {() => City[]} cities
 * @returns {any} a layer of names, the largest cities first, none upon another; `hit(point)` is the city whose name is there
 */
export function namesLayer(L, cities) {
  const canvas = L.DomUtil.create('canvas', 'names leaflet-zoom-hide');
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  /** @type {any} */ let map;
  /** @type {{left: number, right: number, middle: number, city: City}[]} */ let taken = [];
  function draw() {
    const { x: width, y: height } = map.getSize(), dpr = Math.min(2, devicePixelRatio || 1), zoom = map.getZoom();
    L.DomUtil.setPosition(canvas, map.containerPointToLayerPoint([0, 0]));
    [canvas.width, canvas.height] = [width * dpr, height * dpr];
    [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
    context.scale(dpr, dpr);
    const style = getComputedStyle(document.documentElement), origin = map.getPixelBounds().min, scale = 2 ** zoom, bounds = map.getBounds();
    const [halo, ink] = ['--halo', '--name'].map((each) => style.getPropertyValue(each));
    const write = (/** @type {string} */ text, /** @type {number} */ x, /** @type {number} */ y) => { context.strokeText(text, x, y); context.fillText(text, x, y); };
    Object.assign(context, { font: '10px system-ui, sans-serif', textAlign: 'center', lineWidth: 3, lineJoin: 'round', strokeStyle: halo, fillStyle: ink });
    for (const lon of net(zoom, bounds.getWest(), bounds.getEast())) write(`${lon}°`, easting(lon) * scale - origin.x, 12);
    for (const lat of net(zoom, map.containerPointToLatLng([0, height - 40]).lat, bounds.getNorth())) write(`${lat}°`, width - 22, northing(lat) * scale - origin.y + 4);
    context.font = '12px system-ui, sans-serif';
    taken = [];
    for (const city of cities().slice(0, 12 * 2.3 ** zoom)) {
      const { name, lat, lon } = city;
      const x = easting(lon) * scale - origin.x, y = northing(lat) * scale - origin.y - 12;
      if (x < 0 || y < 12 || x > width || y > height) continue;
      const half = context.measureText(name).width / 2 + 8;
      if (x < half || x > width - half || taken.some(({ left, right, middle }) => x + half > left && x - half < right && Math.abs(y - middle) < 20)) continue;
      taken.push({ left: x - half, right: x + half, middle: y, city });
      write(name, x, y);
    }
  }
  return new (L.Layer.extend({
    /** @param {any} onto */
    onAdd(onto) { map = onto; map.getPane('shadowPane').append(canvas); draw(); },
    onRemove() { canvas.remove(); map = null; taken = []; },
    getEvents: () => ({ moveend: draw, zoomend: draw, resize: draw }),
    draw: () => map && draw(),
    /** @param {{x: number, y: number}} point in the container */
    hit: ({ x, y }) => taken.find(({ left, right, middle }) => x > left && x < right && y > middle - 14 && y < middle + 6)?.city ?? null,
  }))();
}
