// Every part, with the chart's library, and the desk that puts them together.

import { createDesk } from "./desk.js";
import { createModule } from "./frame.js";
import { createChart } from "./parts/chart.js";
import { LIGHT } from "./registry.js";

const PARTS = { ...LIGHT, chart: createChart };

export default createModule({ ...PARTS, desk: (ctx) => createDesk(ctx, PARTS) });
