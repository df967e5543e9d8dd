// BtfTypes, second half: the fields of records and where they lie.
#include <clang/AST/Attr.h>
#include <clang/AST/Expr.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "compile/clang/btf_types.h"

namespace ebl::compile {

using btf::TypeId;
using clang::QualType;
using clang::SourceLocation;

namespace {

/// The contexts of programs, and what helpers fill in. Their layout is the kernel's
/// interface, so they need no relocations; and with them clang would keep the address of
/// a member that is written and read, which the verifier refuses in a context.
constexpr std::string_view stable_records[] = {
    "__sk_buff",           "xdp_md",         "bpf_sock",           "bpf_sock_addr",
    "bpf_sock_ops",        "sk_msg_md",      "bpf_sk_lookup",      "bpf_sockopt",
    "bpf_sysctl",          "bpf_flow_keys",  "bpf_sock_tuple",     "bpf_tcp_sock",
    "bpf_fib_lookup",      "bpf_tunnel_key", "bpf_cgroup_dev_ctx", "sk_reuseport_md",
    "bpf_perf_event_data",
};

bool is_stable(const clang::RecordDecl* record) {
  const llvm::StringRef name = record->getName();
  return std::ranges::find(stable_records, std::string_view(name)) !=
         std::end(stable_records);
}

void drop_relocations(clang::RecordDecl* record) {
  record->dropAttr<clang::BPFPreserveAccessIndexAttr>();
  for (clang::FieldDecl* field : record->fields()) {
    field->dropAttr<clang::BPFPreserveAccessIndexAttr>();
    if (!field->getIdentifier())
      if (clang::RecordDecl* inner = field->getType()->getAsRecordDecl())
        drop_relocations(inner);
  }
}

}  // namespace

const TypeId* BtfTypes::find(const clang::TagDecl* tag) const {
  const auto found = records_.find(llvm::cast<clang::TagDecl>(tag->getCanonicalDecl()));
  return found == records_.end() ? nullptr : &found->second;
}

clang::FieldDecl* BtfTypes::make_field(clang::RecordDecl* record,
                                       const btf::Member& member) {
  const QualType field_type = type(member.type);
  clang::Expr* width = nullptr;
  if (member.bit_size)
    width = clang::IntegerLiteral::Create(context_, llvm::APInt(32, member.bit_size),
                                          context_.IntTy, SourceLocation());
  auto* field = clang::FieldDecl::Create(
      context_, record, SourceLocation(), SourceLocation(), identifier(member.name),
      field_type, context_.getTrivialTypeSourceInfo(field_type), width, false,
      clang::ICIS_NoInit);
  field->setAccess(clang::AS_public);
  field->addAttr(clang::BPFPreserveAccessIndexAttr::CreateImplicit(context_));
  return field;
}

void BtfTypes::complete(clang::RecordDecl* record) {
  const TypeId* found = find(record);
  if (!found || record->isCompleteDefinition() || record->isBeingDefined()) return;
  const TypeId id = *found;
  record->setHasExternalLexicalStorage(false);
  record->addAttr(clang::BPFPreserveAccessIndexAttr::CreateImplicit(context_));
  record->startDefinition();
  for (std::uint32_t i = 0; i < btf_.count(id); i++) {
    clang::FieldDecl* field = make_field(record, btf_.member(id, i));
    clang::RecordDecl* inner =
        field->getIdentifier() ? nullptr : field->getType()->getAsRecordDecl();
    if (inner) {
      inner->setAnonymousStructOrUnion(true);
      field->setImplicit();
      if (base_ && !owns(inner))
        base_->complete(inner);
      else
        complete(inner);
    }
    record->addDecl(field);
    if (inner) {
      llvm::SmallVector<clang::NamedDecl*, 4> chain = {field};
      inject(record, chain, inner);
    }
  }
  if (is_stable(record)) drop_relocations(record);
  record->completeDefinition();
}

/// Makes the members of an anonymous member visible in `record`. `chain` leads to
/// `inner`.
void BtfTypes::inject(clang::RecordDecl* record,
                      llvm::SmallVectorImpl<clang::NamedDecl*>& chain,
                      const clang::RecordDecl* inner) {
  for (clang::FieldDecl* field : inner->fields()) {
    chain.push_back(field);
    if (field->getIdentifier()) {
      auto** path = new (context_) clang::NamedDecl*[chain.size()];
      std::copy(chain.begin(), chain.end(), path);
      auto* indirect = clang::IndirectFieldDecl::Create(
          context_, record, SourceLocation(), field->getIdentifier(), field->getType(),
          llvm::MutableArrayRef<clang::NamedDecl*>(path, chain.size()));
      indirect->setImplicit();
      indirect->setAccess(clang::AS_public);
      record->addDecl(indirect);
    } else if (const clang::RecordDecl* deeper = field->getType()->getAsRecordDecl()) {
      inject(record, chain, deeper);
    }
    chain.pop_back();
  }
}

BtfTypes::Layout BtfTypes::layout(
    const clang::RecordDecl* record,
    llvm::DenseMap<const clang::FieldDecl*, std::uint64_t>& offsets) {
  const TypeId id = *find(record);
  Layout layout{.size_bits = std::uint64_t{btf_.byte_size(id)} * 8};
  std::uint32_t index = 0;
  for (const clang::FieldDecl* field : record->fields()) {
    const std::uint64_t offset = btf_.member(id, index++).bit_offset;
    offsets[field] = offset;
    // BTF has no alignment: take the largest that the offsets of a packed record allow. A
    // bit-field lies in a unit of its type, whatever its own offset.
    const std::uint64_t placed = field->isBitField() ? 0 : offset;
    std::uint64_t align = context_.getTypeAlign(field->getType());
    while (align > 8 && (placed % align || layout.size_bits % align)) align /= 2;
    layout.align_bits = std::max(layout.align_bits, align);
  }
  return layout;
}

}  // namespace ebl::compile
