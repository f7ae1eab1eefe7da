// @ts-check
/** Sensors summed up in cells of a grid: pure. One broken sensor paints nothing: a cell has its median. */
import { grouped, median } from './filters.js';

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
 * @returns {Map<string, Cell>}
 */
export function cellsOf(marks, scale) {
  const cells = grouped(marks.x.keys(), (at) => `${Math.floor((marks.x[at] * scale) / CELL)} ${Math.floor((marks.y[at] * scale) / CELL)}`);
  return new Map([...cells].map(([key, members]) => {
    const [x, y] = key.split(' ').map((each) => (Number(each) + 0.5) * CELL), clean = members.filter((at) => marks.clean[at]);
    return [key, { x, y, members, counted: clean.length, value: clean.length ? median(clean.map((at) => marks.value[at])) : null }];
  }));
}
