/** Draws the bars: one SVG file that stands alone and reads well on light and dark pages. */

export interface Panel {
  readonly title: string;
  readonly note: string;
  readonly bars: readonly { readonly name: string; readonly value: number; readonly label: string }[];
}

const WIDTH = 860;
const COLUMN = WIDTH / 2;
const LINE = 24;
const NAMES = 132;
const LABELS = 84;
const MARGIN = 20;

const STYLE = `
    text { font: 13px system-ui, "Segoe UI", Roboto, sans-serif; fill: #24292f; }
    .title { font-weight: 600; font-size: 14px; }
    .note { fill: #6e7781; font-size: 12px; }
    .name { text-anchor: end; }
    .own { fill: #8250df; }
    .other { fill: #b8c0c8; }
    text.own { font-weight: 600; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .note { fill: #9198a1; }
      .own { fill: #bc8cff; }
      .other { fill: #4d5560; }
    }`;

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

function panelHeight({ bars }: Panel): number {
  return 44 + bars.length * LINE;
}

function drawPanel(panel: Panel, left: number, top: number): string {
  const longest = Math.max(...panel.bars.map(({ value }) => value));
  const room = COLUMN - MARGIN - NAMES - LABELS;
  const parts = [
    `<text class="title" x="${left}" y="${top + 16}">${escaped(panel.title)} <tspan class="note">(${escaped(panel.note)})</tspan></text>`,
  ];
  for (const [i, { name, value, label }] of panel.bars.entries()) {
    const y = top + 30 + i * LINE;
    const width = Math.max(1.5, (room * value) / longest);
    const own = name.startsWith("heddle");
    parts.push(
      `<text class="name${own ? " own" : ""}" x="${left + NAMES - 8}" y="${y + 13}">${escaped(name)}</text>`,
      `<rect class="${own ? "own" : "other"}" x="${left + NAMES}" y="${y + 1}" width="${width.toFixed(1)}" height="16" rx="2"/>`,
      `<text x="${(left + NAMES + width + 6).toFixed(1)}" y="${y + 13}">${escaped(label)}</text>`,
    );
  }
  return parts.join("\n  ");
}

/** Two columns of panels. */
export function draw(panels: readonly Panel[], caption: string): string {
  const parts: string[] = [];
  let top = 40;
  for (let i = 0; i < panels.length; i += 2) {
    const pair = panels.slice(i, i + 2);
    for (const [column, panel] of pair.entries()) parts.push(drawPanel(panel, MARGIN + column * COLUMN, top));
    top += Math.max(...pair.map(panelHeight)) + 12;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" role="img" aria-label="${escaped(`Thread pools: ${caption}`)}">
  <style>${STYLE}
  </style>
  <text class="note" x="${MARGIN}" y="22">${escaped(caption)}</text>
  ${parts.join("\n  ")}
</svg>
`;
}
