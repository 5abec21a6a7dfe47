/* SPDX-License-Identifier: BSD-3-Clause */
/* Line charts as SVG: two lines at most, a cursor for mouse and keyboard, numbers as text. */
'use strict';

const SVG = 'http://www.w3.org/2000/svg';
const LEFT = 62, RIGHT = 8, TOP = 8, BOTTOM = 20, HEIGHT = 180;

function svgNode(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

/* 1, 2 or 5 times a power of ten that makes about four steps up to `top`. */
function niceStep(top, whole) {
  const raw = top / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * power).find((s) => s >= raw);
  return whole ? Math.max(1, step) : step;
}

function ago(seconds) {
  if (seconds < 1.5) return 'now';
  if (seconds < 90) return Math.round(seconds) + ' s ago';
  if (seconds < 5400) return Math.round(seconds / 60) + ' min ago';
  return (seconds / 3600).toFixed(1) + ' h ago';
}

class Chart {
  /* series: [{name, key}], one or two; format: number -> text; whole: only whole numbers. */
  constructor(figure, series, format, whole) {
    Object.assign(this, {figure, series, format, whole, cursor: null, data: null});
    const caption = figure.querySelector('figcaption');
    this.title = caption.textContent;
    if (series.length > 1) {
      series.forEach((one, i) => {
        const key = document.createElement('span');
        key.className = i === 0 ? 'key' : 'key second';
        key.textContent = one.name;
        caption.append(key);
      });
    }
    this.svg = svgNode('svg', {role: 'img', tabindex: '0', 'aria-label': this.title});
    this.output = document.createElement('output');
    figure.append(this.svg, this.output);
    this.svg.addEventListener('pointermove', (event) => this.point(event));
    this.svg.addEventListener('pointerleave', () => this.setCursor(null));
    this.svg.addEventListener('blur', () => this.setCursor(null));
    this.svg.addEventListener('keydown', (event) => this.press(event));
    new ResizeObserver(() => this.draw()).observe(figure);
  }

  update(history) {
    this.data = history;
    this.draw();
  }

  count() {
    return this.data === null ? 0 : this.data.age_s.length;
  }

  setCursor(index) {
    this.cursor = index;
    this.draw();
  }

  point(event) {
    const box = this.svg.getBoundingClientRect();
    const part = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
    const oldest = this.count() > 0 ? this.data.age_s[0] : 0;
    const age = (1 - Math.min(1, Math.max(0, part))) * oldest;
    let best = null;
    for (let i = 0; i < this.count(); i++) {
      if (best === null || Math.abs(this.data.age_s[i] - age) < Math.abs(this.data.age_s[best] - age)) best = i;
    }
    this.setCursor(best);
  }

  press(event) {
    const last = this.count() - 1;
    const now = this.cursor === null ? last : this.cursor;
    const next = {ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last, Escape: null}[event.key];
    if (next === undefined || last < 0) return;
    event.preventDefault();
    this.setCursor(next === null ? null : Math.min(last, Math.max(0, next)));
  }

  values(one) {
    return this.data[one.key];
  }

  text(index) {
    return this.series.map((one) => {
      const value = this.values(one)[index];
      return (this.series.length > 1 ? one.name + ' ' : '') + (value === null ? '–' : this.format(value));
    }).join(', ');
  }

  draw() {
    const width = Math.max(200, this.svg.clientWidth);
    this.svg.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    this.svg.replaceChildren();
    const count = this.count();
    if (count < 2) {
      this.svg.append(svgNode('text', {x: LEFT, y: HEIGHT / 2}, 'waiting for data'));
      return;
    }
    const all = this.series.flatMap((one) => this.values(one)).filter((value) => value !== null);
    const highest = Math.max(...all, this.whole ? 1 : 1e-9);
    const step = niceStep(highest, this.whole);
    const top = Math.max(step, Math.ceil(highest / step) * step);
    const oldest = this.data.age_s[0];
    const x = (i) => LEFT + (1 - this.data.age_s[i] / oldest) * (width - LEFT - RIGHT);
    const y = (value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
    this.drawAxes(width, top, step, oldest, y);
    this.series.forEach((one, i) => this.drawLine(this.values(one), x, y, i));
    const shown = this.cursor === null || this.cursor >= count ? null : this.cursor;
    if (shown !== null) {
      this.svg.append(svgNode('line', {class: 'cursor', x1: x(shown), x2: x(shown), y1: TOP, y2: HEIGHT - BOTTOM}));
    }
    const at = shown === null ? count - 1 : shown;
    this.output.textContent = `${ago(this.data.age_s[at])}: ${this.text(at)}`;
    this.svg.setAttribute('aria-label', `${this.title}, last: ${this.text(count - 1)}, highest ${this.format(highest)}. ` +
      'Arrow keys move through time.');
  }

  drawAxes(width, top, step, oldest, y) {
    for (let value = 0; value <= top * 1.001; value += step) {
      this.svg.append(svgNode('line', {class: 'grid', x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value)}));
      this.svg.append(svgNode('text', {x: LEFT - 6, y: y(value) + 4, 'text-anchor': 'end'}, this.format(value)));
    }
    this.svg.append(svgNode('text', {x: LEFT, y: HEIGHT - 4}, ago(oldest)));
    this.svg.append(svgNode('text', {x: width - RIGHT, y: HEIGHT - 4, 'text-anchor': 'end'}, 'now'));
  }

  /* A line with gaps where nothing is known; the first series has its area filled. */
  drawLine(values, x, y, index) {
    let path = '', area = '', begin = null;
    values.forEach((value, i) => {
      if (value === null) {
        if (begin !== null) area += `L${x(i - 1)} ${y(0)}L${x(begin)} ${y(0)}Z`;
        begin = null;
        return;
      }
      const move = begin === null ? 'M' : 'L';
      if (begin === null) begin = i;
      path += `${move}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
      area += `${move}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    });
    if (begin !== null) area += `L${x(values.length - 1)} ${y(0)}L${x(begin)} ${y(0)}Z`;
    if (index === 0) this.svg.append(svgNode('path', {class: 'area', d: area}));
    this.svg.append(svgNode('path', {class: index === 0 ? 'line' : 'line second', d: path}));
  }
}
