#include "known_faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::libvirt_move {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(KnownFaults, ABrokenPostcopyThatCannotBeResumedIsSaidOfTheVersionsThatEndByIt) {
  for (const Technique technique : {Technique::kPostcopy, Technique::kHybrid}) {
    for (const Connection::Version bad : {Connection::Version{11, 2, 0}, {11, 3, 0}, {11, 3, 9}}) {
      EXPECT_THAT(known_faults(technique, bad), ElementsAre(HasSubstr("11.4"))) << bad.text();
    }
    for (const Connection::Version good :
         {Connection::Version{11, 1, 9}, {11, 4, 0}, {12, 0, 0}, {10, 3, 0}, {}}) {
      EXPECT_THAT(known_faults(technique, good), IsEmpty()) << good.text();
    }
  }
  EXPECT_THAT(known_faults(Technique::kPrecopy, {11, 3, 0}), IsEmpty());
}

}  // namespace
}  // namespace godwit::libvirt_move
