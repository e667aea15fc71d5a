// Which parts are there? Each by its name; the chart brings a library along and is added where it is wanted.

import { createAccount } from "./parts/account.js";
import { createBlotter } from "./parts/blotter.js";
import { createCoach } from "./parts/coach.js";
import { createLadder } from "./parts/ladder.js";
import { createNews } from "./parts/news.js";
import { createProgress } from "./parts/progress.js";
import { createTicket } from "./parts/ticket.js";
import { createTime } from "./parts/time.js";
import { createWatch } from "./parts/watch.js";

export const LIGHT = {
  account: createAccount,
  blotter: createBlotter,
  coach: createCoach,
  ladder: createLadder,
  news: createNews,
  progress: createProgress,
  ticket: createTicket,
  time: createTime,
  watch: createWatch,
};
