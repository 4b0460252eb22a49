import type { JsonObject } from '../../json.js';
import type { Secret } from '../../secret.js';
import type { Call } from '../../limits/call.js';
import type { ResolvedConnector } from '../../connectors/model.js';
import type { VolumeFile } from '../volume/ports.js';

export interface ConfigurationRequest {
  readonly resolved: readonly ResolvedConnector[];
  /** The token that the templates of a class see, by the class's name. */
  readonly tokenOf: (className: string) => Secret;
  readonly caBundle: string | undefined;
  readonly includedConfigurations: readonly string[];
  readonly configurationParams: JsonObject;
}

export interface RenderedConfigurations {
  /** In rendering order; of files with the same name the later one counts. */
  readonly files: readonly VolumeFile[];
  readonly warnings: readonly string[];
}

/** Renders the configurations that a volume selects. */
export interface ConfigurationRenderer {
  /**
   * @throws {CodedError} NOT_FOUND when none of the included names exists, listing those that do; the call's reason when
   * it is no longer wanted.
   */
  render(request: ConfigurationRequest, call: Call): Promise<RenderedConfigurations>;
}
