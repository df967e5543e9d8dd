// Holders and errors that several kinds share. Internal to attach/.
#pragma once

#include <bpf/libbpf.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "attach/kind.h"
#include "base/permissions.h"

namespace ebl::attach {

struct DestroyLink {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using LinkHandle = std::unique_ptr<bpf_link, DestroyLink>;

/// A link made by libbpf.
class LibbpfHolder final : public Link::Holder {
 public:
  explicit LibbpfHolder(LinkHandle link) : link_(std::move(link)) {}
  int fd() const override { return bpf_link__fd(link_.get()); }
  std::vector<UniqueFd> detach() override {
    link_.reset();
    return {};
  }

 private:
  LinkHandle link_;
};

/// A link made by BPF_LINK_CREATE.
class FdHolder final : public Link::Holder {
 public:
  explicit FdHolder(UniqueFd fd) : fd_(std::move(fd)) {}
  int fd() const override { return fd_.get(); }
  std::vector<UniqueFd> detach() override {
    fd_.reset();
    return {};
  }

 private:
  UniqueFd fd_;
};

Error attach_error(Code code, std::string message, std::string hint = "");

/// Code::interrupted once Options::interrupt_fd is readable. A kind that attaches to many
/// places, one by one, asks at each.
Result<void> unless_interrupted(const ProbeSpec& spec, const Options& options);

/// Closes them where nobody has to wait for the kernel's grace periods.
void close_in_background(std::vector<UniqueFd> fds);

/// The Error for an errno of attaching to `spec` that the kind has no better words for.
/// `needed` is what the kernel checks; it matters for EPERM and EACCES.
Error attach_errno(const ProbeSpec& spec, int error_number,
                   std::initializer_list<Capability> needed);

/// not_supported: this kernel takes no cookie for that kind.
Error no_cookie(const ProbeSpec& spec);
/// For ENOENT of a trampoline: before 5.13 a program whose link is closed is used up.
Error attached_once(const ProbeSpec& spec);

}  // namespace ebl::attach
