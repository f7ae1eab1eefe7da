// @ts-check
/** The sensors on a canvas of their own: every pixel is written into one ImageData, which 30,000 of them need. */
import { CELL, cellsOf } from './cells.js';
import { HOLLOW_SQUARE, SQUARE, stamp, stampOf, write } from './pixels.js';

/** Up to this zoom cells are drawn, from the next one on a dot a sensor. */
export const LAST_CELLS = 8;
const NUMBERS_FROM = 11, FEW = 3, MOST_NUMBERS = 500;

/**
 * @typedef {Object} Marks what is drawn, the last on top; places are pixels of the world at zoom 0
 * @property {Float64Array} x @property {Float64Array} y
 * @property {Uint32Array} colour 0xAABBGGRR @property {Uint8Array} shape @property {Float64Array} value
 * @property {Uint8Array} clean whether it counts in a cell's median
 * @property {(value: number) => number} colourOf @property {(value: number) => string} textOf
 * @property {number} none colour of a cell in which no sensor counts @property {number} edge @property {string} ink
 */

/**
 * @param {typeof import('leaflet')} L
 * @returns {any} a layer with `show(marks)` and `hit(point)`
 */
export function sensorLayer(L) {
  const canvas = L.DomUtil.create('canvas', 'sensors leaflet-zoom-animated');
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  const stamps = new Map(), cellsByZoom = new Map();
  /** @type {any} */ let map;
  /** @type {any} */ let marks = null; // Marks, once there are any
  /** @type {any} */ let image = null;
  let corner = L.latLng(0, 0), zoom = 0, frame = 0;

  /** @returns {Map<string, import('./cells.js').Cell>} */
  function cells() {
    const key = Math.round(zoom);
    if (!cellsByZoom.has(key)) cellsByZoom.set(key, cellsOf(marks, 2 ** key));
    return cellsByZoom.get(key);
  }

  function draw() {
    frame = 0;
    const begun = performance.now(), dpr = Math.min(2, devicePixelRatio || 1);
    const { x: width, y: height } = map.getSize(), origin = map.getPixelBounds().min;
    zoom = map.getZoom();
    corner = map.containerPointToLatLng([0, 0]);
    L.DomUtil.setTransform(canvas, map.containerPointToLayerPoint([0, 0]), 1);
    if (canvas.width !== Math.round(width * dpr) || canvas.height !== Math.round(height * dpr) || !image) {
      [canvas.width, canvas.height] = [Math.round(width * dpr), Math.round(height * dpr)];
      [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
      image = context.createImageData(Math.max(1, canvas.width), Math.max(1, canvas.height));
    }
    const pixels = new Uint32Array(image.data.buffer).fill(0), scale = 2 ** zoom, numbers = [];
    /** @param {number} x @param {number} y @param {number} shape @param {number} radius @param {number} colour */
    const put = (x, y, shape, radius, colour) => {
      const key = shape * 1000 + radius * dpr;
      if (!stamps.has(key)) stamps.set(key, stampOf(shape, radius * dpr));
      stamp(pixels, image.width, image.height, Math.round(x * dpr), Math.round(y * dpr), stamps.get(key), colour, marks.edge);
    };
    if (marks && zoom < LAST_CELLS + 0.5) {
      const grown = 2 ** (zoom - Math.round(zoom));
      for (const { x, y, value, counted } of cells().values()) {
        const [left, top] = [x * grown - origin.x, y * grown - origin.y];
        if (left < -CELL || top < -CELL || left > width + CELL || top > height + CELL) continue;
        const colour = value === null ? marks.none : marks.colourOf(value);
        if (counted < FEW) put(left, top, HOLLOW_SQUARE, 5, colour);
        else put(left, top, SQUARE, CELL / 2 - 1, colour);
      }
    } else if (marks) {
      const radius = zoom >= NUMBERS_FROM ? 10 : zoom >= 10 ? 6 : 5;
      for (let at = 0; at < marks.x.length; at++) {
        const left = marks.x[at] * scale - origin.x, top = marks.y[at] * scale - origin.y;
        if (left < -12 || top < -12 || left > width + 12 || top > height + 12) continue;
        put(left, top, marks.shape[at], radius, marks.colour[at]);
        if (radius === 10 && numbers.length <= MOST_NUMBERS) numbers.push([left, top, at]);
      }
    }
    context.putImageData(image, 0, 0);
    if (numbers.length <= MOST_NUMBERS) write(context, numbers, marks, dpr);
    canvas.dataset.drawn = (performance.now() - begun).toFixed(2); // milliseconds, for `make bench ONLY=page`
  }

  const layer = new (L.Layer.extend({
    /** @param {any} onto */
    onAdd(onto) { map = onto; map.getPane('overlayPane').append(canvas); draw(); },
    onRemove() { canvas.remove(); },
    getEvents: () => ({ move: soon, viewreset: soon, zoomend: soon, resize: soon, zoomanim: stretch }),
    /** @param {Marks} shown */
    show(shown) { marks = shown; cellsByZoom.clear(); if (map) soon(); },
    /** @param {{x: number, y: number}} point in the container @returns {number[]} positions in the marks */
    hit(point) { return marks ? hit(point) : []; },
  }))();

  /** One drawing a frame, however many events there are. */
  function soon() { frame ||= requestAnimationFrame(draw); }

  /** @param {any} event where the map goes to in an animation; the picture is stretched until it is there */
  function stretch({ center, zoom: to }) {
    const offset = map._latLngToNewLayerPoint(corner, to, center);
    L.DomUtil.setTransform(canvas, offset, map.getZoomScale(to, zoom));
  }

  /** @param {{x: number, y: number}} point @returns {number[]} */
  function hit({ x, y }) {
    const origin = map.getPixelBounds().min, [east, south] = [x + origin.x, y + origin.y];
    if (zoom < LAST_CELLS + 0.5) return cells().get(`${Math.floor(east / CELL)} ${Math.floor(south / CELL)}`)?.members ?? [];
    let best = -1, least = 14;
    for (let at = 0; at < marks.x.length; at++) {
      const away = Math.hypot(marks.x[at] * 2 ** zoom - east, marks.y[at] * 2 ** zoom - south);
      if (away <= least) [best, least] = [at, away];
    }
    return best < 0 ? [] : [best];
  }
  return layer;
}
