// uprobe.multi: one link of the kernel on any number of places of one file (6.6 and
// later). Internal to attach/.
#pragma once

#include "attach/kind.h"
#include "attach/link_create.h"
#include "attach/uprobe_places.h"

namespace ebl::attach {

/// Whether this kernel makes links of that type, type_uprobe_multi or
/// type_uprobe_session, that keep to one process where told; tried once. (The first ones
/// kept to one thread.)
bool has_uprobe_multi(bpf_attach_type type);

/// Attaches a program of that type to the places, less those that the kernel refuses.
/// `returns`: at the functions' return.
Holding attach_uprobe_multi(load::Program program, bpf_attach_type type, bool returns,
                            const UserPlaces& places, const ProbeSpec& spec,
                            const Options& options);

}  // namespace ebl::attach
