// @ts-check
/** Elements, each in one line. One rule: text becomes a text node, whatever it says. */
import { format, parse } from './address.js';

/** @typedef {Node|string|number|null|undefined|false|''} Child */
/** @typedef {Record<string, string|number|boolean|null|undefined|EventListener>} Attributes */

/** @param {string} id @returns {any} the page's own element of that name */
export const the = (id) => document.getElementById(id);

/** @param {string} name @param {Attributes} [attributes] @param {Child[]} children @returns {any} an HTML element */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** @param {string} name @param {Attributes} [attributes] @param {Child[]} children @returns {any} an SVG element */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

/** @param {Element} element @param {Attributes} attributes @param {Child[]} children */
function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  const shown = children.filter((child) => child !== null && child !== undefined && child !== false && child !== '');
  element.append(.../** @type {(Node|string)[]} */ (shown.map((child) => (child instanceof Node ? child : String(child)))));
  return element;
}

/**
 * A table; each row begins with its own heading.
 * @param {Child} caption @param {Child[]} heads @param {Child[][]} rows
 */
export function table(caption, heads, rows) {
  return el('table', {}, el('caption', {}, caption),
    el('thead', {}, el('tr', {}, ...heads.map((head) => el('th', { scope: 'col' }, head)))),
    el('tbody', {}, ...rows.map(([first, ...more]) =>
      el('tr', {}, el('th', { scope: 'row' }, first), ...more.map((cell) => el('td', {}, cell))))));
}

/** What is made only when somebody opens it. @param {string} summary @param {() => Child[]} make */
export function fold(summary, make) {
  return el('details', { toggle: (/** @type {Event} */ { currentTarget: it }) => {
    if (it instanceof HTMLElement && it.childElementCount === 1) it.append(...el('div', {}, ...make()).childNodes);
  } }, el('summary', {}, summary));
}

/** Say that something is asked for, unless it shows already and is asked for anew. @param {HTMLElement} panel @param {string} what */
export function asking(panel, what) {
  if (panel.dataset.of === what && panel.childElementCount) return;
  panel.dataset.of = what;
  panel.replaceChildren(el('p', { role: 'status' }, `Asking for ${what}…`));
}

/** A link; what lies outside the page opens beside it, since a frame may not leave it. @param {string} href @param {string} text */
export function link(href, text) {
  const stays = href.startsWith('#');
  return el('a', { href, rel: 'noreferrer', target: stays ? null : '_blank', click: stays && withChoice }, text);
}

/** What was chosen stays so behind a link within the page. @param {Event} event */
function withChoice({ currentTarget: it }) {
  if (it instanceof HTMLAnchorElement) it.hash = format({ ...parse(it.hash), chosen: parse(location.hash).chosen });
}

/** Our own text with its addresses as links. @param {string} text */
export function linked(text) {
  return el('span', {}, ...text.split(/(https:\/\/[^\s;,]+)/).map((part) => (part.startsWith('https://') ? link(part, part) : part)));
}
