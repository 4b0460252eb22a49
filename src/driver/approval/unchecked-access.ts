import { CodedError } from '../../shared/errors.js';
import type { AccessControl, AccessDecision, AuthorizationRequest } from '../../shared/access/access-control.js';

/**
 * Access control without an API server (`--connector-source directory`): every volume on this machine can use every
 * connector of the directory. A flag that requires a check is an error.
 */
export class UncheckedAccess implements AccessControl {
  async authorize(request: AuthorizationRequest): Promise<AccessDecision> {
    if (!this.isKnownAllowed(request)) {
      throw new CodedError(
        'FAILED_PRECONDITION',
        'enable-connector-proxy-permissions needs the Kubernetes API: set it to "false" in ConfigMap connectors-config, or run with --connector-source kubernetes',
      );
    }
    return Promise.resolve({ kind: 'allowed' });
  }

  isAnsweredSoon(): Promise<boolean> {
    return Promise.resolve(true);
  }

  isKnownDenied(): boolean {
    return false;
  }

  approvalStates(): readonly string[] {
    return [];
  }

  onChange(): void {
    // Decisions never change.
  }

  retain(): void {
    // There are no approvals to watch.
  }

  release(): void {
    // There are no approvals to watch.
  }

  isKnownAllowed({ flags }: AuthorizationRequest): boolean {
    return !flags.connectorProxyPermissions;
  }
}
