// The Lua scripts there are; each says at its definition what it takes and answers.
#pragma once

#include "engine/redis/script.h"

namespace gw::redis {

// Once a connection is up. A server that loses them later answers NOSCRIPT, and the connection begins anew.
void load_scripts(Client& client);

namespace scripts {

extern const Script submit;            // a client's message: duplicate? into the inbox, to whoever listens
extern const Script submit_by_pubsub;  // the same without an inbox
extern const Script publish;           // to every instance's clients: who did not hear?
extern const Script park;              // leaves what waits in a stopping instance
extern const Script unpark;            // hands over what a stopped instance left waiting
extern const Script add;               // a connection, within its user's limit: others may give way
extern const Script put;               // connections, without a limit: what is there already is replaced
extern const Script update;            // what changed of connections
extern const Script remove;            // connections, with the reason for each
extern const Script lease;             // renews an instance's lease; who else is there?
extern const Script leave;             // an instance's lease and name
extern const Script reap;              // some connections of an instance whose lease is gone
extern const Script read;              // connections of an index, some at a time, or one
extern const Script list;              // connections in the order of their ids, some at a time
extern const Script disconnect;        // connections that have to close: their instances are told
extern const Script tell_presence;     // who has come to a channel, or gone
extern const Script list_presence;     // who is there
extern const Script count;             // connections by instance, channel and user
extern const Script insert_session;    // unless its key is taken
extern const Script list_sessions;     // in the order in which they were made, some at a time
extern const Script replace_session;   // if it is still what was read
extern const Script put_revocation;    // together with what is there of its name
extern const Script put_webhook;       // makes one, or changes it
extern const Script remove_webhook;    // takes it away

// Of an inbox: inbox_scripts.cc, which says what a place is.
extern const Script join_inbox;    // a group, with what waits for whoever comes first
extern const Script open_feed;     // where an event stream without a group begins
extern const Script read_feed;     // entries for it, and what it may have missed
extern const Script confirm_feed;  // event streams have had everything up to here
extern const Script release;       // what waits goes to the first Pub/Sub subscriber
extern const Script claim;         // a group's entries that were open too long
extern const Script give_up;       // a group's entries that nobody will do
extern const Script keep_ours;     // those that this instance still has begin anew
extern const Script tidy_inbox;    // what everybody has done, what nobody will do, what is too old

// Of runs.
extern const Script append_run;         // a batch, an end
extern const Script append_framed_run;  // the same, to a log that has frames
extern const Script beat_run;           // a heartbeat
extern const Script claim_run;          // makes one; gives it an owner
extern const Script read_run;           // its record and log
extern const Script settle_run;         // what time has decided; cancels; removes
extern const Script trim_log;           // takes no more room than it needs
extern const Script list_run;           // by when it was made
extern const Script due_run;            // when somebody should look
extern const Script pick_runs;          // those that are due
extern const Script count_run;          // for a user, a realm, all: within limits
extern const Script reserve_run;        // bytes for a log, of whom it counts for
extern const Script uncount_run;        // it is over
extern const Script forget_run;         // what it counted for is undone
extern const Script push_run;           // somebody should read it
extern const Script name_run;           // what was asked: its run
extern const Script unname_run;         // it is over
extern const Script name_thread;        // a thread's latest run
extern const Script unname_thread;      // it is over, or gone

// Of plain streams.
extern const Script put_stream;     // makes one
extern const Script append_stream;  // a batch, its close
extern const Script touch_stream;   // somebody reads it
extern const Script remove_stream;  // deletes one

}  // namespace scripts
}  // namespace gw::redis
