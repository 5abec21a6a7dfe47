"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const report = data.report, verdicts = data.verdicts;
  const byId = (id) => document.getElementById(id);
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const element = (tag, text, className) => {
    const node = document.createElement(tag);
    if (text !== undefined && text !== null) node.textContent = text;
    if (className) node.className = className;
    return node;
  };
  const number = (value, digits = 0) =>
    value === null || value === undefined ? "–" : value.toLocaleString("en", { maximumFractionDigits: digits });

  const fillTable = (table, heads, rows) => {
    const head = element("thead").appendChild(element("tr"));
    for (const [text, className] of heads) {
      const cell = element("th", text, className);
      cell.scope = "col";
      head.append(cell);
    }
    const body = element("tbody");
    body.append(...rows);
    table.append(head.parentNode, body);
  };
  const row = (cells) => {
    const tr = element("tr");
    for (const [text, className] of cells) tr.append(element("td", text, className));
    return tr;
  };

  // ---- summary ----
  const totals = report.totals, good = report.exit_code === 0;
  document.title = `${report.scenario.name}, run ${report.run}`;
  byId("name").textContent = report.scenario.name;
  byId("facts").textContent =
    `${report.scenario.label ? report.scenario.label + " · " : ""}run ${report.run} · ${report.start_wall} · seed ${report.scenario.seed}`;
  const tile = (value, label, className) => {
    const node = element("div", null, "tile");
    node.append(element("b", value, className), element("span", label));
    byId("tiles").append(node);
  };
  tile(report.end.replace("_", " "), `exit code ${report.exit_code}`, good ? "good" : "bad");
  tile(number(totals.duration_s, 0) + " s", "duration");
  tile(number(totals.hashes), "hashes");
  tile(number(totals.accepted), "shares accepted");
  tile(`${number(totals.rejected)} / ${number(totals.stale)}`, "rejected / stale");
  tile(number(totals.blocks), "blocks");
  tile(number(totals.lab_cpu_percent_of_one, 2) + " %", "of one CPU for recording");

  fillTable(byId("phases"),
    [["phase"], ["s", "n"], ["load %", "n"], ["H/s", "n"], ["host busy %", "n"], ["accepted", "n"], ["rejected", "n"], ["stale", "n"]],
    report.phases.map((p) => row([[p.name], [number(p.duration_s, 1), "n"], [number(p.load_percent), "n"], [number(p.rate_hps, 1), "n"],
      [number(p.host_busy_percent, 0), "n"], [number(p.accepted), "n"], [number(p.rejected), "n"], [number(p.stale), "n"]])));

  // ---- detectors ----
  const detectors = verdicts ? verdicts.detectors : [];
  if (detectors.length === 0) byId("detection").hidden = true;
  const layers = [...new Set(detectors.map((d) => d.layer))];
  const matrixRows = [];
  for (const layer of layers) {
    const head = element("tr", null, "layer");
    const cell = element("th", layer);
    cell.colSpan = 8;
    head.append(cell);
    matrixRows.push(head);
    for (const d of detectors.filter((one) => one.layer === layer)) {
      const u = d.units;
      matrixRows.push(u
        ? row([[d.title], [d.unit], [number(u.tp), u.tp ? "n good" : "n"], [number(u.fn), u.fn ? "n warn" : "n"],
          [number(u.fp), u.fp ? "n bad" : "n"], [number(u.tn), "n"], [number(d.time_to_detect_s, 1), "n"], [d.version]])
        : row([[d.title], [d.unit], ["–", "n"], ["–", "n"], ["–", "n"], ["–", "n"], ["–", "n"], [`${d.state}: ${d.reason}`, "warn"]]));
    }
  }
  fillTable(byId("matrix"),
    [["detector"], ["unit"], ["found", "n"], ["missed", "n"], ["falsely found", "n"], ["left alone", "n"], ["after s", "n"], ["version, or why not"]],
    matrixRows);
  const alerts = detectors.flatMap((d) => d.alerts);
  fillTable(byId("alerts"), [["detector"], ["about"], ["truth"], ["t s", "n"], ["evidence"]],
    alerts.map((a) => row([[a.detector], [a.name || a.key], [a.side, a.side === "benign" ? "bad" : ""], [number(a.t_s, 1), "n"], [a.evidence]])));

  // ---- charts on one axis ----
  const column = (table, name) => {
    const index = table ? table.columns.indexOf(name) : -1;
    return index < 0 ? null : table.rows.map((r) => (typeof r[index] === "number" ? r[index] : null));
  };
  const lastTime = Math.max(1, ...(data.timeline ? column(data.timeline, "t_s") : [1]));
  const graphs = [];
  const shadePhases = (canvas, area, graph) => {
    canvas.save();
    canvas.fillStyle = css("--shade");
    report.phases.forEach((phase, i) => {
      if (i % 2 === 0 && phase.start_s !== null) {
        const left = graph.toDomXCoord(phase.start_s), right = graph.toDomXCoord(phase.start_s + (phase.duration_s ?? 0));
        canvas.fillRect(left, area.y, right - left, area.h);
      }
    });
    canvas.strokeStyle = css("--bad");
    canvas.setLineDash([4, 3]);
    for (const alert of alerts) {
      if (alert.t_s !== null) {
        const x = Math.round(graph.toDomXCoord(alert.t_s)) + 0.5;
        canvas.beginPath();
        canvas.moveTo(x, area.y);
        canvas.lineTo(x, area.y + area.h);
        canvas.stroke();
      }
    }
    canvas.restore();
  };
  const sync = (source, range) => {
    for (const graph of graphs) {
      if (graph !== source) graph.updateOptions({ dateWindow: range });
    }
  };
  const chart = (title, labels, rows, options = {}) => {
    if (rows.length === 0 || labels.length < 2) return;
    const box = element("div", null, "chart");
    const plot = element("div", null, "plot"), legend = element("div", null, "legend");
    box.append(element("h3", title), plot, legend);
    byId("charts").append(box);
    graphs.push(new Dygraph(plot, rows, {
      labels, labelsDiv: legend, legend: "always", strokeWidth: 1.6, connectSeparatedPoints: false,
      colors: [css("--accent"), css("--second"), css("--good"), css("--bad"), css("--warn"), css("--faint")],
      axisLineColor: css("--line"), gridLineColor: css("--line"), dateWindow: [0, lastTime], includeZero: true,
      axes: { x: { valueFormatter: (v) => v.toFixed(1) + " s" }, y: { axisLabelWidth: 58 } },
      labelsKMB: true, animatedZooms: false, underlayCallback: shadePhases,
      zoomCallback: (from, to) => sync(graphs.find((g) => g.graphDiv && g.graphDiv.parentNode === plot), [from, to]),
      ...options,
    }));
  };
  const series = (table, names, title, scale = 1) => {
    const found = names.filter(([name]) => column(table, name)?.some((v) => v !== null));
    if (!table || found.length === 0) return;
    const time = column(table, "t_s"), values = found.map(([name]) => column(table, name));
    chart(title, ["s", ...found.map(([, label]) => label)],
      time.map((t, i) => [t, ...values.map((v) => (v[i] === null ? null : v[i] * scale))]));
  };
  const columnsLike = (table, pattern) =>
    table ? table.columns.filter((c) => pattern.test(c)).map((c) => [c, c.replace(pattern, "").replace(/_$/, "").replaceAll("_", " ") || c]) : [];

  const workerRates = columnsLike(data.timeline, /_rate_hps$/);
  series(data.timeline, [["rate_hps", "all workers"], ...(workerRates.length > 1 ? workerRates : [])], "hash rate, H/s");
  series(data.timeline, [["host_busy_percent", "busy"], ["host_steal_percent", "stolen by a hypervisor"]], "host CPU, % of all CPUs");
  series(data.timeline, columnsLike(data.timeline, /_cpu_percent_of_one$/), "CPU of processes, % of one CPU");
  series(data.timeline, columnsLike(data.timeline, /_rss_bytes$/), "resident memory, MiB", 1 / 1048576);
  series(data.host, columnsLike(data.host, /_celsius$/), "temperature, °C");
  series(data.host, columnsLike(data.host, /_watts$/), "power, W");
  series(data.host, columnsLike(data.host, /_mhz$/), "frequency, MHz");
  series(data.host, columnsLike(data.host, /^psi_|_percent$/).filter(([c]) => c.startsWith("psi_")), "time in which somebody waited, %");
  series(data.host, [["context_switches_per_s", "context switches"], ["page_faults_per_s", "page faults"]], "kernel, a second");

  // Events a second.
  const perSecond = (wanted) => {
    const counts = new Array(Math.ceil(lastTime) + 1).fill(0);
    for (const event of data.events) {
      if (wanted(event) && event.t_s >= 0 && event.t_s < counts.length) counts[Math.floor(event.t_s)]++;
    }
    return counts;
  };
  const kinds = [
    ["shares accepted", (e) => e.event === "share" && e.verdict === "accepted"],
    ["shares refused", (e) => e.event === "share" && e.verdict !== "accepted"],
    ["jobs", (e) => e.event === "job"], ["faults", (e) => e.event === "fault"],
    ["packets lost", (e) => e.event === "packet_lost"]];
  const counts = kinds.map(([, wanted]) => perSecond(wanted));
  const shown = kinds.map((_, i) => i).filter((i) => counts[i].some((n) => n > 0));
  chart("events a second", ["s", ...shown.map((i) => kinds[i][0])], counts[0].map((_, s) => [s, ...shown.map((i) => counts[i][s])]),
    { stepPlot: true });

  // ---- gaps between shares ----
  const times = data.events.filter((e) => e.event === "share").map((e) => e.t_s).sort((a, b) => a - b);
  const breaks = report.phases.map((p) => p.start_s);
  const gaps = times.slice(1).map((t, i) => [times[i], t]).filter(([a, b]) => !breaks.some((s) => a < s && s <= b)).map(([a, b]) => b - a);
  if (gaps.length < 10) {
    byId("gaps-section").hidden = true;
  } else {
    const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length, bins = 20, top = 4 * mean;
    const histogram = new Array(bins).fill(0);
    for (const gap of gaps) histogram[Math.min(bins - 1, Math.floor((gap / top) * bins))]++;
    const theory = (t) => gaps.length * (top / bins / mean) * Math.exp(-t / mean);
    const width = 900, height = 220, left = 46, bottom = 30, high = Math.max(...histogram, theory(0)) * 1.05;
    const svgNs = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(svgNs, "svg");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", "Histogram of the time between two shares, with the exponential distribution");
    const add = (tag, attributes, text) => {
      const node = document.createElementNS(svgNs, tag);
      for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
      if (text) node.textContent = text;
      svg.append(node);
    };
    const x = (t) => left + (t / top) * (width - left - 10), y = (n) => height - bottom - (n / high) * (height - bottom - 8);
    histogram.forEach((n, i) => add("rect", { x: x((i * top) / bins) + 1, y: y(n), width: x(top / bins) - left - 2, height: height - bottom - y(n),
      fill: "var(--accent)", opacity: 0.55 }));
    const points = Array.from({ length: 81 }, (_, i) => (i * top) / 80).map((t) => `${x(t)},${y(theory(t))}`).join(" ");
    add("polyline", { points, fill: "none", stroke: "var(--second)", "stroke-width": 2 });
    for (let i = 0; i <= 4; i++) add("text", { x: x((top * i) / 4), y: height - 8, "text-anchor": i === 4 ? "end" : "middle" }, ((top * i) / 4).toFixed(2) + " s");
    add("text", { x: 4, y: 16 }, "shares");
    byId("gaps").append(svg);
    const deviation = Math.sqrt(gaps.reduce((a, g) => a + (g - mean) ** 2, 0) / gaps.length);
    byId("gaps-fit").textContent = `${gaps.length} gaps, mean ${mean.toFixed(3)} s, coefficient of variation ${(deviation / mean).toFixed(2)}
      (1 for a Poisson process, 0 for a clock).`;
  }

  // ---- network ----
  const network = report.network, cable = network && network.cable;
  byId("network-section").hidden = !network;
  byId("cable-section").hidden = !cable;
  for (const [key, value] of Object.entries(network || {})) {
    if (key !== "cable") byId("network").append(element("dt", key.replaceAll("_", " ")), element("dd", String(value)));
  }
  if (cable) {
    fillTable(byId("cable"),
      [["way"], ["packets", "n"], ["arrived", "n"], ["lost", "n"], ["lost %", "n"], ["dropped", "n"], ["missed", "n"], ["late, mean ms", "n"], ["most", "n"]],
      [["to the pool", cable.to_pool], ["to the clients", cable.to_clients]].map(([name, way]) => row([[name], [number(way.packets), "n"],
        [number(way.forwarded), "n"], [number(way.lost), "n"], [number(way.packets > 0 ? (100 * way.lost) / way.packets : null, 2), "n"],
        [number(way.queue_drops + way.port_drops), "n"], [number(way.missed), way.missed ? "n warn" : "n"],
        [number(way.late_mean_ms, 3), "n"], [number(way.late_max_ms, 3), "n"]])));
    if (cable.failure) byId("network").append(element("dt", "failure"), element("dd", cable.failure));
  }

  // ---- flows ----
  if (!data.flows || data.flows.rows.length === 0) {
    byId("flows-section").hidden = true;
  } else {
    const columns = data.flows.columns.slice(0, 14);
    fillTable(byId("flows"), columns.map((c) => [c.replaceAll("_", " ")]), data.flows.rows.slice(0, 100).map((r) =>
      row(columns.map((_, i) => [typeof r[i] === "number" ? number(r[i], 3) : r[i], typeof r[i] === "number" ? "n" : ""]))));
  }

  // ---- system calls: all windows of a process together ----
  const started = data.events.filter((e) => e.event === "process_start");
  const counted = new Map();
  for (const { pid, syscalls } of data.calls) {
    const sum = counted.get(pid) || { seconds: 0, calls: 0, counts: {} };
    sum.seconds += syscalls.seconds;
    sum.calls += syscalls.calls;
    for (const [name, n] of Object.entries(syscalls.counts)) sum.counts[name] = (sum.counts[name] || 0) + n;
    counted.set(pid, sum);
  }
  const mixture = (sum) => Object.entries(sum.counts).sort((a, b) => b[1] - a[1]).slice(0, 8)
    .map(([name, n]) => `${name} ${number((100 * n) / sum.calls, 1)} %`).join(", ");
  byId("calls-section").hidden = counted.size === 0;
  fillTable(byId("calls"), [["process"], ["s counted", "n"], ["calls a second", "n"], ["most often"]],
    [...counted].map(([pid, sum]) => {
      const start = started.findLast((e) => e.pid === pid);
      return row([[start ? `${start.process}#${start.instance}` : `pid ${pid}`], [number(sum.seconds, 1), "n"],
        [number(sum.calls / sum.seconds, 1), "n"], [mixture(sum)]]);
    }));

  // ---- the rest ----
  for (const one of report.recorders.absent) byId("absent").append(element("li", `${one.recorder}: ${one.reason}`));
  if (report.recorders.absent.length === 0) byId("absent").append(element("li", "Everything that powlab can record was recorded."));
  for (const [key, value] of Object.entries(report.environment)) {
    const shownValue = key === "memory_bytes" ? number(value / 1073741824, 1) + " GiB" : String(value);
    byId("environment").append(element("dt", key.replaceAll("_", " ")), element("dd", shownValue || "–"));
  }
  byId("commands").textContent =
    `powlab lab run ${report.scenario.scale !== 1 ? "--scale " + report.scenario.scale + " " : ""}${report.folder}/scenario.yaml\n` +
    `powlab lab detect ${report.folder}\npowlab report ${report.folder}`;
})();
