// A square of the plane, on which layers lie: pictures, lines, arrows and points.
function numbers(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Int16Array(bytes.buffer);
}

export default {
  template: `<canvas ref="square" class="play-square" tabindex="0" role="img" :aria-label="label"
    @click="click" @keydown="key" @blur="keyed = false; paint()"></canvas>`,
  props: { label: String, reach: Number, layers: Object },
  data: () => ({ keyed: false, cursor: [0, 0] }),
  mounted() {
    this.pictures = {};
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.$refs.square);
    this.resize();
  },
  unmounted() {
    this.observer.disconnect();
  },
  watch: {
    layers() { this.paint(); },
    reach() { this.paint(); },
  },
  methods: {
    resize() {
      const canvas = this.$refs.square;
      const side = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
      if (side && canvas.width !== side) canvas.width = canvas.height = side;
      this.paint();
    },
    click(event) {
      const box = this.$refs.square.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width;
      const y = (event.clientY - box.top) / box.height;
      this.cursor = [(2 * x - 1) * this.reach, (1 - 2 * y) * this.reach];
      this.keyed = false;
      this.$emit("pick", { x: this.cursor[0], y: this.cursor[1] });
    },
    key(event) {
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      if (event.key === "Enter" || event.key === " ") this.$emit("pick", { x: this.cursor[0], y: this.cursor[1] });
      else if (steps[event.key]) {
        const limit = (v) => Math.min(this.reach, Math.max(-this.reach, v));
        this.cursor = this.cursor.map((v, i) => limit(v + (steps[event.key][i] * this.reach) / 14));
      } else return;
      event.preventDefault();
      this.keyed = true;
      this.paint();
    },
    picture(uri) {
      if (!this.pictures[uri]) {
        const image = new Image();
        image.onload = () => this.paint();
        image.src = uri;
        this.pictures = { [uri]: image };
      }
      return this.pictures[uri];
    },
    paint() {
      const canvas = this.$refs.square;
      if (!canvas || !canvas.width) return;
      const side = canvas.width;
      const scale = window.devicePixelRatio || 1;
      const context = canvas.getContext("2d");
      const place = (v) => [((v[0] / this.reach + 1) / 2) * side, ((1 - v[1] / this.reach) / 2) * side];
      context.clearRect(0, 0, side, side);
      context.strokeStyle = "rgba(128,128,128,0.25)";
      context.lineWidth = scale;
      context.beginPath();
      const [middle] = place([0, 0]);
      context.moveTo(middle, 0);
      context.lineTo(middle, side);
      context.moveTo(0, middle);
      context.lineTo(side, middle);
      context.stroke();
      for (const layer of Object.values(this.layers || {})) if (layer) this.lay(context, layer, side, scale, place);
      if (!this.keyed) return;
      const [x, y] = place(this.cursor);
      context.strokeStyle = "#e07b39";
      context.lineWidth = 2 * scale;
      context.beginPath();
      context.arc(x, y, 7 * scale, 0, 7);
      context.stroke();
    },
    lay(context, layer, side, scale, place) {
      context.globalAlpha = layer.alpha ?? 1;
      if (layer.kind === "picture") {
        const image = this.picture(layer.uri);
        if (image.complete) context.drawImage(image, 0, 0, side, side);
      } else {
        const unit = this.reach / 16000;
        const values = numbers(layer.xy);
        const at = (i) => place([values[2 * i] * unit, values[2 * i + 1] * unit]);
        const count = values.length / 2;
        if (layer.kind === "points") this.points(context, layer, count, at, scale);
        if (layer.kind === "lines") this.lines(context, layer, count, at, scale);
        if (layer.kind === "arrows") this.arrows(context, layer, count, at, scale);
      }
      context.globalAlpha = 1;
    },
    points(context, layer, count, at, scale) {
      const radius = (layer.size || 2) * scale;
      for (let i = 0; i < count; i++) {
        context.fillStyle = layer.kinds ? layer.colours[layer.kinds[i] % layer.colours.length] : layer.colours[0];
        const [x, y] = at(i);
        context.beginPath();
        context.arc(x, y, radius, 0, 6.3);
        context.fill();
        if (!layer.outlined) continue;
        context.strokeStyle = "#fff";
        context.lineWidth = 2 * scale;
        context.stroke();
      }
    },
    lines(context, layer, count, at, scale) {
      context.strokeStyle = layer.colours[0];
      context.lineWidth = (layer.size || 1) * scale;
      for (let start = 0; start < count; start += layer.each) {
        context.beginPath();
        for (let i = start; i < start + layer.each; i++) context.lineTo(...at(i));
        context.stroke();
      }
    },
    arrows(context, layer, count, at, scale) {
      context.strokeStyle = context.fillStyle = layer.colours[0];
      context.lineWidth = 1.2 * scale;
      for (let i = 0; i < count; i += 2) {
        const [x, y] = at(i);
        const [u, v] = at(i + 1);
        const length = Math.hypot(u - x, v - y);
        if (length < scale) continue;
        const head = Math.min(4 * scale, length / 2);
        const [a, b] = [(u - x) / length, (v - y) / length];
        context.beginPath();
        context.moveTo(x, y);
        context.lineTo(u, v);
        context.stroke();
        context.beginPath();
        context.moveTo(u, v);
        context.lineTo(u - head * (a - b / 2), v - head * (b + a / 2));
        context.lineTo(u - head * (a + b / 2), v - head * (b - a / 2));
        context.fill();
      }
    },
  },
};
