#include "symbols/usdt.h"

#include <fmt/format.h>
#include <gelf.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <span>

#include "base/nearest.h"
#include "symbols/open_elf.h"

namespace ebl::symbols {
namespace {

constexpr std::string_view notes_section = ".note.stapsdt";
constexpr std::string_view base_section = ".stapsdt.base";
constexpr std::string_view owner = "stapsdt";
constexpr GElf_Word probe_note = 3;

Error invalid(const std::string& path, const std::string& what) {
  return Error{.stage = Stage::symbols,
               .code = Code::invalid,
               .message = fmt::format("the probes of {} cannot be read: {}", path, what),
               .hint = "the file is damaged, or was changed after it was linked"};
}

/// Where a file's parts lie, and what is in it.
class Reader {
 public:
  Reader(const std::string& path, Elf* elf, const GElf_Ehdr& header)
      : path_(path), elf_(elf), header_(header) {
    std::size_t count = 0;
    elf_getphdrnum(elf, &count);
    for (std::size_t i = 0; i < count; i++) {
      GElf_Phdr segment;
      if (gelf_getphdr(elf, static_cast<int>(i), &segment) && segment.p_type == PT_LOAD)
        segments_.push_back(segment);
    }
  }

  Result<std::vector<UsdtProbe>> read() {
    const std::optional<GElf_Shdr> base = section_header(base_section);
    base_ = base ? base->sh_addr : 0;
    std::vector<UsdtProbe> probes;
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section));) {
      GElf_Shdr header;
      if (!gelf_getshdr(section, &header) || header.sh_type != SHT_NOTE) continue;
      if (name_of(header) != notes_section) continue;
      Elf_Data* data = elf_getdata(section, nullptr);
      if (!data || data->d_size != header.sh_size)
        return invalid(path_, "its notes lie outside the file");
      if (Result<void> done = read_notes(data, probes); !done) return done.take_error();
    }
    return probes;
  }

 private:
  std::string_view name_of(const GElf_Shdr& header) const {
    std::size_t strings = 0;
    if (elf_getshdrstrndx(elf_, &strings) != 0) return "";
    const char* name = elf_strptr(elf_, strings, header.sh_name);
    return name ? name : "";
  }

  std::optional<GElf_Shdr> section_header(std::string_view name) const {
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section));) {
      GElf_Shdr header;
      if (gelf_getshdr(section, &header) && name_of(header) == name) return header;
    }
    return std::nullopt;
  }

  Result<void> read_notes(Elf_Data* data, std::vector<UsdtProbe>& probes) const {
    std::size_t at = 0;
    while (at < data->d_size) {
      GElf_Nhdr note;
      std::size_t name_at = 0, text_at = 0;
      const std::size_t next = gelf_getnote(data, at, &note, &name_at, &text_at);
      if (next == 0) return invalid(path_, fmt::format("the note at {} is cut off", at));
      at = next;
      const auto* bytes = static_cast<const char*>(data->d_buf);
      const bool ours = note.n_namesz == owner.size() + 1 &&
                        std::memcmp(bytes + name_at, owner.data(), owner.size()) == 0;
      if (!ours || note.n_type != probe_note) continue;
      if (Result<void> done = add(std::span(bytes + text_at, note.n_descsz), probes);
          !done)
        return done;
    }
    return {};
  }

  /// A note: three addresses (probe, base, semaphore) and three texts, each with its NUL.
  Result<void> add(std::span<const char> note, std::vector<UsdtProbe>& probes) const {
    const std::size_t word = header_.e_ident[EI_CLASS] == ELFCLASS32 ? 4 : 8;
    if (note.size() < 3 * word) return invalid(path_, "a note is too short");
    std::uint64_t addresses[3] = {};
    for (std::size_t i = 0; i < 3; i++)
      std::memcpy(&addresses[i], note.data() + i * word, word);
    std::string_view rest(note.data() + 3 * word, note.size() - 3 * word);
    std::string_view texts[3];
    for (std::string_view& text : texts) {
      const std::size_t end = rest.find('\0');
      if (end == std::string_view::npos)
        return invalid(path_, "a name in a note has no end");
      text = rest.substr(0, end);
      rest.remove_prefix(end + 1);
    }
    if (texts[0].empty() || texts[1].empty())
      return invalid(path_, "a probe has no name");
    // Prelinking moves the code and not the notes; the base section moves along.
    const std::uint64_t moved = base_ && addresses[1] ? base_ - addresses[1] : 0;
    UsdtLocation location{.address = addresses[0] + moved,
                          .semaphore = addresses[2] ? addresses[2] + moved : 0,
                          .arguments = {}};
    const auto code = file_offset(location.address, PF_X);
    if (!code)
      return invalid(path_, fmt::format("the probe {}:{} is at {:#x}, where there is no "
                                        "code",
                                        texts[0], texts[1], location.address));
    location.offset = *code;
    if (location.semaphore) {
      const auto counter = file_offset(location.semaphore, PF_W);
      if (!counter)
        return invalid(path_, fmt::format("the semaphore of {}:{} is at {:#x}, where "
                                          "there is no data",
                                          texts[0], texts[1], location.semaphore));
      location.semaphore_offset = *counter;
    }
    location.arguments = parse_usdt_arguments(
        texts[2], header_.e_machine == EM_386 ? EM_X86_64 : header_.e_machine,
        [&](std::string_view name) { return distance(name, location.address); });
    place_of(probes, texts[0], texts[1], std::move(location));
    return {};
  }

  void place_of(std::vector<UsdtProbe>& probes, std::string_view provider,
                std::string_view name, UsdtLocation location) const {
    auto probe = std::ranges::find_if(probes, [&](const UsdtProbe& known) {
      return known.provider == provider && known.name == name;
    });
    if (probe == probes.end())
      probe = probes.insert(probe, {.provider = std::string(provider),
                                    .name = std::string(name),
                                    .locations = {},
                                    .fixed = header_.e_type == ET_EXEC});
    // A note that is there twice is one place: two probes would count each pass twice.
    const bool known =
        std::ranges::find(probe->locations, location.address, &UsdtLocation::address) !=
        probe->locations.end();
    if (known) return;
    for (const UsdtLocation& other : probe->locations) {
      if (other.arguments == location.arguments) {
        location.argument_set = other.argument_set;
        break;
      }
      location.argument_set = std::max(location.argument_set, other.argument_set + 1);
    }
    probe->locations.push_back(std::move(location));
  }

  std::optional<std::uint64_t> file_offset(std::uint64_t address,
                                           std::uint32_t flag) const {
    for (const GElf_Phdr& segment : segments_)
      if ((segment.p_flags & flag) && address >= segment.p_vaddr &&
          address - segment.p_vaddr < segment.p_filesz)
        return address - segment.p_vaddr + segment.p_offset;
    return std::nullopt;
  }

  std::optional<std::int64_t> distance(std::string_view name, std::uint64_t from) const {
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section));) {
      GElf_Shdr table;
      if (!gelf_getshdr(section, &table) || table.sh_entsize == 0) continue;
      if (table.sh_type != SHT_SYMTAB && table.sh_type != SHT_DYNSYM) continue;
      Elf_Data* data = elf_getdata(section, nullptr);
      if (!data) continue;
      for (std::size_t i = 0; i < table.sh_size / table.sh_entsize; i++) {
        GElf_Sym symbol;
        if (!gelf_getsym(data, static_cast<int>(i), &symbol)) break;
        const char* known = elf_strptr(elf_, table.sh_link, symbol.st_name);
        if (known && name == known && symbol.st_shndx != SHN_UNDEF)
          return static_cast<std::int64_t>(symbol.st_value - from);
      }
    }
    return std::nullopt;
  }

  const std::string& path_;
  Elf* elf_;
  const GElf_Ehdr& header_;
  std::vector<GElf_Phdr> segments_;
  std::uint64_t base_ = 0;
};

}  // namespace

Result<std::vector<UsdtProbe>> usdt_probes(const std::string& path) {
  const Result<OpenElf> file = OpenElf::open(path);
  if (!file) return file.error();
  const int own_order =
      std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  if (file->header().e_ident[EI_DATA] != own_order)
    return invalid(path, "it is for a machine of another byte order");
  return Reader(path, file->elf(), file->header()).read();
}

Result<UsdtProbe> find_usdt_probe(const std::string& path, std::string_view provider,
                                  std::string_view name) {
  Result<std::vector<UsdtProbe>> probes = usdt_probes(path);
  if (!probes) return probes.take_error();
  const UsdtProbe* found = nullptr;
  std::vector<std::string> names, providers;
  for (const UsdtProbe& probe : *probes) {
    names.push_back(probe.name);
    if (probe.name != name || (!provider.empty() && probe.provider != provider)) continue;
    providers.push_back(fmt::format("{}:{}", probe.provider, probe.name));
    if (!found) found = &probe;
  }
  if (providers.size() > 1)
    return Error{
        .stage = Stage::symbols,
        .code = Code::invalid,
        .message = fmt::format("several providers in {} have a probe {}", path, name),
        .hint = fmt::format("write one of {}", fmt::join(providers, ", "))};
  if (found) return *found;
  const std::string wanted =
      provider.empty() ? std::string(name) : fmt::format("{}:{}", provider, name);
  Error error{.stage = Stage::symbols,
              .code = Code::not_found,
              .message = fmt::format("{} has no probe {}", path, wanted)};
  if (probes->empty()) {
    error.hint = "it has no probes at all: it was built without <sys/sdt.h>";
    return error;
  }
  if (std::ranges::find(names, name) == names.end())
    error.hint = did_you_mean(name, names);
  if (error.hint.empty()) {
    for (std::size_t i = 0; i < names.size(); i++)
      names[i] = (*probes)[i].provider + ":" + names[i];
    error.hint = fmt::format("its probes are {}", fmt::join(names, ", "));
  }
  return error;
}

}  // namespace ebl::symbols
