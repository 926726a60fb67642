// The public entry point of the package. One explicit list.

export type { ClusterConfiguration, ShutdownKind, ShutdownQuestion } from './client/cfg.js'
export type { Cluster, ClusterEvents, ProcessGroups } from './client/cluster.js'
export type { ConfigurationMap, MapChange, TrackOptions } from './client/cmap.js'
export { type ConnectOptions, connect } from './client/connect.js'
export {
  AlreadyJoinedError,
  ClosedError,
  ClusterError,
  type ClusterErrorCode,
  ConnectionError,
  ConnectionLostError,
  EngineError,
  NoQuorumError,
  NotJoinedError,
  QueueFullError,
  ResultUnknownError,
  SlowConsumerError,
} from './client/errors.js'
export type { Tracking } from './client/event-stream.js'
export type {
  GroupEvent,
  GroupMember,
  Member,
  MemberChange,
  MemberReason,
  MembershipEvent,
  MessageEvent,
  RingEvent,
} from './client/events.js'
export type { Group, JoinOptions } from './client/group.js'
export type { NodeDescription } from './client/node-description.js'
export type {
  Quorum,
  QuorumDecision,
  QuorumMembership,
  QuorumTrackEvent,
  QuorumTrackOptions,
  RingId,
} from './client/quorum.js'
export type { CommandMeta, Discarded, ReplicaState, StateMachine } from './client/replica-core.js'
export type { AppliedCommand } from './client/replica-history.js'
export { type Replica, type ReplicaOptions, replicate } from './client/replicated.js'
export { ConfigurationError, type StartOptions, startNode } from './client/start.js'
export type {
  ExpectedVotesChange,
  QuorumDevice,
  VoteDecision,
  VoteInfo,
  VoteQuorum,
  VoterMembership,
  VoterState,
  VoteTrackEvent,
} from './client/votequorum.js'
export type { ConfigProblem } from './config/index.js'
export type { MapType, MapValue } from './config/map.js'
export type { LogRecord } from './log/record.js'
export type { LogLevel, Subsystem } from './log/types.js'
export { CsError, type CsErrorCode } from './services/errors.js'
export type { NodeLinkStatus, NodeStatus, RingStatusText } from './wire/cfg-ipc.js'
