/** First of all modules: the questions to the service go out before the page is built. */

import { start } from "./state/load";

start();
