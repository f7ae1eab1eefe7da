// @ts-check
/** Shapes written straight into pixels, and numbers upon them. */
import { ink } from './scales.js';

export const DOT = 0, HOLLOW = 1, SQUARE = 2, HOLLOW_SQUARE = 3;

/** @param {number} shape */
const isHollow = (shape) => shape === HOLLOW || shape === HOLLOW_SQUARE;

/** @typedef {Int16Array} Stamp four numbers a pixel: how far right and down it is, how far covered, of 255, and whether edge */

/**
 * Make a shape: its pixels, how far each is covered, and which belong to the line around it.
 * @param {number} shape @param {number} radius @returns {Stamp}
 */
export function stampOf(shape, radius) {
  const reach = Math.ceil(radius + 1), thick = Math.max(2, radius / 3);
  const found = [];
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const away = shape >= SQUARE ? Math.max(Math.abs(dx), Math.abs(dy)) : Math.hypot(dx, dy);
      let covered = Math.min(1, radius + 0.5 - away);
      if (isHollow(shape)) covered = Math.min(covered, away - (radius - thick - 1));
      if (covered <= 0) continue;
      found.push(dx, dy, Math.round(255 * covered), away > radius - 0.9 ? 1 : 0);
    }
  }
  return Int16Array.from(found);
}

/**
 * Write a shape; a pixel that is only partly covered stays what it is, if it is anything.
 * @param {Uint32Array} pixels @param {number} width @param {number} height @param {number} left @param {number} top
 * @param {Stamp} shape @param {number} colour @param {number} edge colour of the line around it
 */
export function stamp(pixels, width, height, left, top, shape, colour, edge) {
  for (let at = 0; at < shape.length; at += 4) {
    const x = left + shape[at], y = top + shape[at + 1];
    if (x < 0 || y < 0 || x >= width || y >= height) continue;
    const place = y * width + x, alpha = shape[at + 2];
    if (alpha < 255 && pixels[place]) continue;
    pixels[place] = ((shape[at + 3] ? edge : colour) & 0xffffff) | (alpha << 24);
  }
}

/**
 * Write each mark's number upon it, in black or white, whichever stands out.
 * @param {CanvasRenderingContext2D} context @param {number[][]} numbers left, top, position in the marks
 * @param {import('./layer.js').Marks} marks @param {number} dpr
 */
export function write(context, numbers, marks, dpr) {
  Object.assign(context, { textAlign: 'center', textBaseline: 'middle' });
  for (const [left, top, at] of numbers) {
    const text = marks.textOf(marks.value[at]);
    context.font = `600 ${([11, 11, 11, 9, 7][text.length] ?? 6) * dpr}px system-ui, sans-serif`; // so that it lies within the dot
    context.fillStyle = isHollow(marks.shape[at]) ? marks.ink : ink(hex(marks.colour[at]));
    context.fillText(text, left * dpr, (top + 0.5) * dpr);
  }
}

/** @param {number} abgr @returns {string} #rrggbb */
const hex = (abgr) => `#${[abgr, abgr >> 8, abgr >> 16].map((each) => (each & 255).toString(16).padStart(2, '0')).join('')}`;

/** @param {string} colour #rrggbb @returns {number} 0xffbbggrr */
export function abgr(colour) {
  const rgb = parseInt(colour.slice(1), 16);
  return ((0xff << 24) | ((rgb & 255) << 16) | (rgb & 0xff00) | (rgb >> 16)) >>> 0;
}
