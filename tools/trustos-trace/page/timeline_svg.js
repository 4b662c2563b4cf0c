// The picture as SVG: a drawing context that writes what it is told to draw, as far as this page draws.
const escaped = text => text.replace(/[&<>]/g, c => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]);
const short = number => String(Math.round(number * 10) / 10);
class SvgContext {
  constructor() {
    this.out = [];
    this.rects = null; // the last thing, while it is rectangles of one color
    this.path = '';
    this.kept = [];
    this.clipTo = Infinity;
    Object.assign(this, { fillStyle: '#000', strokeStyle: '#000', globalAlpha: 1, lineWidth: 1, dash: [], box: [0, 0] });
  }
  fill() { return typeof this.fillStyle === 'string' ? this.fillStyle : 'url(#hatch)'; }
  opacity(name) { return this.globalAlpha < 1 ? ` ${name}="${short(this.globalAlpha * 10) / 10}"` : ''; }
  put(text) { this.rects = null; this.out.push(text); }
  fillRect(x, y, width, height) {
    const style = `fill="${this.fill()}"${this.opacity('fill-opacity')}`;
    if (!this.rects || this.rects.style !== style) { this.rects = { style, path: '' }; this.out.push(this.rects); }
    this.rects.path += `M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}z`;
  }
  beginPath() { this.path = ''; }
  moveTo(x, y) { this.path += `M${short(x)} ${short(y)}`; }
  lineTo(x, y) { this.path += `L${short(x)} ${short(y)}`; }
  stroke() {
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash}"` : '';
    if (this.path) this.put(`<path fill="none" stroke="${this.strokeStyle}" stroke-width="${this.lineWidth}"${this.opacity('stroke-opacity')}${dash} d="${this.path}"/>`);
  }
  setLineDash(dash) { this.dash = dash; }
  fillText(text, x, y) {
    const room = Math.floor((this.clipTo - x) / 6.4), cut = text.length > room ? text.slice(0, Math.max(0, room)) : text;
    if (cut) this.put(`<text x="${short(x)}" y="${short(y)}" fill="${this.fill()}"${this.opacity('fill-opacity')}>${escaped(cut)}</text>`);
  }
  save() { this.kept.push(this.clipTo); }
  restore() { this.clipTo = this.kept.pop(); }
  rect(x, y, width) { this.box = [x, width]; }
  clip() { this.clipTo = this.box[0] + this.box[1]; }
  text(width, height) {
    const body = this.out.map(part => typeof part === 'string' ? part : `<path ${part.style} d="${part.path}"/>`).join('\n');
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="12">\n` +
           `<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse"><path stroke="${colors.lock}" stroke-width="1.5" d="M-1 1L1 -1M0 6L6 0M5 7L7 5"/></pattern></defs>\n${body}\n</svg>\n`;
  }
}

// ---- what the colors mean ----
const several = trace.cpus.length > 1;
const LEGEND = [['lock', 'waits for the lock', several], ['move', 'migrates (thick: to another node)', several && trace.migrates.length], ['ipi', 'IPI', trace.ipis.length],
                ['wait', 'waits', 'task'], ['ready', 'ready', 'task'], ['irq', 'interrupt', true], ['mark', 'told', 'task'], ['loss', 'lost', trace.losses.length]];
function legend() { return LEGEND.filter(([, , when]) => when === 'task' ? !view.hidden.has('tasks') : when); }
function drawLegend(y) {
  let x = LABELS;
  for (const [name, text] of legend()) {
    context.fillStyle = name === 'lock' ? colors.hatch : colors[name];
    context.strokeStyle = colors[name];
    context.lineWidth = name === 'move' ? 1.6 : 0.8;
    context.setLineDash(name === 'ipi' ? [2, 2] : []);
    context.beginPath();
    if (name === 'move' || name === 'ipi') slanted(x, y + 4, x + 16, y + 4, 5);
    else context.fillRect(x, y, 14, 9);
    context.stroke();
    context.fillStyle = colors.dim;
    context.fillText(text, x + 20, y + 9);
    x += 20 + 7 * text.length + 18;
  }
  context.setLineDash([]);
}
// What is in view, so wide and high; the legend comes below.
function picture(width, height) {
  const kept = [context, view.width, view.height];
  context = new SvgContext();
  [view.width, view.height] = [width, height];
  placeLanes();
  view.height = Math.min(height, RULER + GAP + lanesHeight());
  paint();
  const end = view.height + 22;
  context.fillStyle = colors.page;
  context.fillRect(0, view.height, width, 22);
  drawLegend(view.height + 7);
  const text = context.text(width, end);
  [context, view.width, view.height] = kept;
  redraw();
  return text;
}
