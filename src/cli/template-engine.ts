import type { TemplateEngine } from '../content/template-renderer.js';
import { DriverError } from '../errors.js';

/** The template engine of this build: none yet, so that a volume that selects configurations is refused. */
export const templateEngine: TemplateEngine = {
  compile: () => {
    throw new DriverError('FAILED_PRECONDITION', 'this version of the driver renders no configurations');
  },
  codeOf: () => undefined,
};
