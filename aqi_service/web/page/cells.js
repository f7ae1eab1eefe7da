// @ts-check
/** Sensors summed up in cells of a grid: pure. One broken sensor paints nothing: a cell has its median. */
import { median } from './filters.js';

/** Pixels on a side. */
export const CELL = 14;

/** @typedef {import('./layer.js').Marks} Marks */
/**
 * @typedef {{x: number, y: number, members: number[], counted: number, value: number|null}} Cell
 * its middle in pixels, who is in it, and how many of them count
 */

/**
 * Return the cells of a grid that stands still on the world; without a sensor that counts the value is null.
 * @param {Pick<Marks, 'x'|'y'|'value'|'clean'>} marks @param {number} scale pixels of the world per pixel at zoom 0
 */
export function cellsOf(marks, scale) {
  /** @type {Map<string, Cell>} */
  const cells = new Map();
  for (let at = 0; at < marks.x.length; at++) {
    const [column, row] = [Math.floor((marks.x[at] * scale) / CELL), Math.floor((marks.y[at] * scale) / CELL)];
    const key = `${column} ${row}`, cell = cells.get(key);
    if (cell) cell.members.push(at);
    else cells.set(key, { x: (column + 0.5) * CELL, y: (row + 0.5) * CELL, members: [at], counted: 0, value: null });
  }
  for (const cell of cells.values()) {
    const clean = cell.members.filter((at) => marks.clean[at]);
    cell.counted = clean.length;
    if (clean.length) cell.value = median(clean.map((at) => marks.value[at]));
  }
  return cells;
}
