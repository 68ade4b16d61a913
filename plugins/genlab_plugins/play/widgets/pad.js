// A square to draw on, with a pointer or with the keyboard; it tells what was drawn as grey levels.
const FINE = 64;

export default {
  template: `<canvas ref="pad" class="play-pad" tabindex="0" role="img" :aria-label="label"
    @pointerdown="down" @pointermove="move" @pointerup="up" @pointercancel="up"
    @keydown="key" @blur="keyed = false; paint()"></canvas>`,
  props: { label: String, pen: Number, side: Number },
  data: () => ({ strokes: [], drawing: false, keyed: false, cursor: [0.5, 0.5], inked: false, told: 0 }),
  mounted() {
    const canvas = this.$refs.pad;
    const scale = window.devicePixelRatio || 1;
    canvas.width = canvas.height = Math.round(this.side * scale);
    canvas.style.width = canvas.style.height = `${this.side}px`;
    this.paint();
  },
  methods: {
    at(event) {
      const box = this.$refs.pad.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    },
    down(event) {
      event.preventDefault();
      this.$refs.pad.focus();
      this.$refs.pad.setPointerCapture(event.pointerId);
      this.drawing = true;
      this.keyed = false;
      this.strokes.push([this.at(event)]);
      this.paint();
    },
    move(event) {
      if (!this.drawing) return;
      this.strokes[this.strokes.length - 1].push(this.at(event));
      this.paint();
      if (Date.now() - this.told > 200) this.tell();
    },
    up() {
      if (!this.drawing) return;
      this.drawing = false;
      this.tell();
    },
    key(event) {
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (event.key === " ") {
        event.preventDefault();
        this.inked = !this.inked;
        if (this.inked) this.strokes.push([[...this.cursor]]);
        else this.tell();
      } else if (steps[event.key]) {
        event.preventDefault();
        this.cursor = this.cursor.map((v, i) => Math.min(1, Math.max(0, v + steps[event.key][i] / 24)));
        if (this.inked) this.strokes[this.strokes.length - 1].push([...this.cursor]);
      } else if (event.key === "Delete" || event.key === "Backspace") this.clear();
      else return;
      this.keyed = true;
      this.paint();
    },
    clear() {
      this.strokes = [];
      this.inked = this.drawing = false;
      this.paint();
      this.$emit("cleared");
    },
    draw(context, size) {
      context.fillStyle = "#000";
      context.fillRect(0, 0, size, size);
      context.strokeStyle = context.fillStyle = "#fff";
      context.lineWidth = this.pen * size;
      context.lineCap = context.lineJoin = "round";
      for (const stroke of this.strokes) {
        context.beginPath();
        context.moveTo(stroke[0][0] * size, stroke[0][1] * size);
        for (const [x, y] of stroke) context.lineTo(x * size, y * size);
        if (stroke.length === 1) context.lineTo(stroke[0][0] * size + 0.01, stroke[0][1] * size);
        context.stroke();
      }
    },
    paint() {
      const canvas = this.$refs.pad;
      const context = canvas.getContext("2d");
      this.draw(context, canvas.width);
      if (!this.keyed || this.drawing) return;
      context.strokeStyle = this.inked ? "#e07b39" : "#3b82c4";
      context.lineWidth = canvas.width / 80;
      context.beginPath();
      context.arc(this.cursor[0] * canvas.width, this.cursor[1] * canvas.width, (this.pen * canvas.width) / 2, 0, 7);
      context.stroke();
    },
    tell() {
      this.told = Date.now();
      const fine = document.createElement("canvas");
      fine.width = fine.height = FINE;
      const context = fine.getContext("2d", { willReadFrequently: true });
      this.draw(context, FINE);
      const pixels = context.getImageData(0, 0, FINE, FINE).data;
      this.$emit("drawn", Array.from({ length: FINE * FINE }, (_, i) => pixels[4 * i]));
    },
  },
};
