/** The pod that a call is for; shares are counted by it. */
export interface FlowKey {
  /** Empty where nobody vouches for it; all pods without one share one namespace then. */
  readonly namespace: string;
  readonly podUid: string;
}
