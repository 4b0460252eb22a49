import packageJson from '../package.json' with { type: 'json' };

/** The driver's version, from package.json. */
export const { version } = packageJson;
