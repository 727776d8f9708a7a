// Random histories beside std::map.
#include "base/row_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/row_groups.h"

namespace gw {
namespace {

struct Named {
  std::string name;
  RowLinks links;
};
using Table = std::vector<Named>;

struct NameOf {
  const Table* table;
  std::string_view operator()(Row row) const { return (*table)[row].name; }
};
struct LinksOf {
  Table* table;
  RowLinks& operator()(Row row) const { return (*table)[row].links; }
};
// Good names, and ones of which many have the same place.
struct GoodHash {
  size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
};
struct PoorHash {
  size_t operator()(std::string_view name) const { return GoodHash()(name) % 3 + 5; }
};

template <class Hash>
class RowIndexes : public testing::Test {};
using Hashes = testing::Types<GoodHash, PoorHash>;
TYPED_TEST_SUITE(RowIndexes, Hashes);

TYPED_TEST(RowIndexes, AnEmptyOneFindsNothing) {
  const Table table;
  const RowIndex<NameOf, TypeParam> index(NameOf{&table});
  EXPECT_EQ(index.find(std::string_view("a")), kNoRow);
}

TYPED_TEST(RowIndexes, FindWhatAMapFinds) {
  std::mt19937 random(1);
  Table table;
  for (size_t i = 0; i < 200; ++i) table.push_back({"name-" + std::to_string(i), {}});
  RowIndex<NameOf, TypeParam> index(NameOf{&table});
  std::map<std::string_view, Row> model;
  for (size_t step = 0; step < 20'000; ++step) {
    const Row row = static_cast<Row>(random() % table.size());
    const std::string_view name = table[row].name;
    // Now few are in, now nearly all.
    const bool comes = random() % 100 < (step / 2'000 % 2 ? 80 : 20);
    if (comes && model.emplace(name, row).second) index.insert(row);
    if (!comes && model.erase(name) > 0) index.erase(row);
    ASSERT_EQ(index.size(), model.size());
    const std::string_view asked = table[random() % table.size()].name;
    const auto expected = model.find(asked);
    ASSERT_EQ(index.find(asked), expected == model.end() ? kNoRow : expected->second);
  }
}

TYPED_TEST(RowIndexes, AnotherRowTakesThePlaceOfOneWithItsKey) {
  const Table table{{"a", {}}, {"b", {}}, {"a", {}}};
  RowIndex<NameOf, TypeParam> index(NameOf{&table});
  index.insert(0);
  index.insert(1);
  index.replace(0, 2);
  EXPECT_EQ(index.find(std::string_view("a")), 2u);
  EXPECT_EQ(index.find(std::string_view("b")), 1u);
}

TYPED_TEST(RowIndexes, GroupsHaveTheirRowsInTheOrderInWhichTheyCame) {
  std::mt19937 random(2);
  Table table;
  for (size_t i = 0; i < 120; ++i) table.push_back({"group-" + std::to_string(i % 40 % 17), {}});
  RowGroups<NameOf, LinksOf, TypeParam> groups(NameOf{&table}, LinksOf{&table});
  std::map<std::string_view, std::vector<Row>> model;
  for (size_t step = 0; step < 20'000; ++step) {
    const Row row = static_cast<Row>(random() % table.size());
    std::vector<Row>& rows = model[table[row].name];
    const auto found = std::find(rows.begin(), rows.end(), row);
    if (found == rows.end()) {
      rows.push_back(row);
      groups.insert(row);
    } else {
      rows.erase(found);
      groups.erase(row);
    }
    const std::string_view asked = table[random() % table.size()].name;
    std::vector<Row> got;
    groups.for_each(asked, [&](Row member) { got.push_back(member); });
    ASSERT_EQ(got, model[asked]);
    ASSERT_EQ(groups.size(asked), got.size());
  }
}

}  // namespace
}  // namespace gw
