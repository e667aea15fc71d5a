// Every part that needs no library.

import { createModule } from "./frame.js";
import { LIGHT } from "./registry.js";

export default createModule(LIGHT);
