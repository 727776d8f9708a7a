// The rows of a table that have a key in common, in the order in which they came: a ring through the rows
// themselves, and an index to the first of each. Not synchronized.
#pragma once

#include "base/row_index.h"

namespace gw {

// In a row: its neighbours in its group.
struct RowLinks {
  Row before = kNoRow;
  Row after = kNoRow;
  uint32_t size = 0;  // of the group, in its first row
};

// KeyOf and Hash: as of RowIndex. LinksOf: from a row to its RowLinks&.
template <class KeyOf, class LinksOf, class Hash>
class RowGroups {
 public:
  RowGroups(KeyOf key_of, LinksOf links_of) : firsts_(key_of), key_of_(key_of), links_of_(links_of) {}

  void insert(Row row) {
    const Row first = firsts_.find(key_of_(row));
    if (first == kNoRow) {
      links_of_(row) = {row, row, 1};
      return firsts_.insert(row);
    }
    const Row last = links_of_(first).before;
    links_of_(row) = {last, first};
    links_of_(last).after = row;
    links_of_(first).before = row;
    ++links_of_(first).size;
  }

  // It is in, and has the key with which it came.
  void erase(Row row) {
    const RowLinks links = links_of_(row);
    Row first = firsts_.find(key_of_(row));
    if (links.after == row) {
      firsts_.erase(row);
    } else {
      if (first == row) {
        firsts_.replace(row, links.after);
        first = links.after;
        links_of_(first).size = links.size;
      }
      links_of_(links.before).after = links.after;
      links_of_(links.after).before = links.before;
      --links_of_(first).size;
    }
    links_of_(row) = {};
  }

  template <class Key>
  size_t size(const Key& key) const {
    const Row first = firsts_.find(key);
    return first == kNoRow ? 0 : links_of_(first).size;
  }

  // `visit` must not change the groups.
  template <class Key, class F>
  void for_each(const Key& key, F&& visit) const {
    const Row first = firsts_.find(key);
    if (first == kNoRow) return;
    Row row = first;
    do {
      visit(row);
      row = links_of_(row).after;
    } while (row != first);
  }

 private:
  RowIndex<KeyOf, Hash> firsts_;
  KeyOf key_of_;
  LinksOf links_of_;
};

}  // namespace gw
